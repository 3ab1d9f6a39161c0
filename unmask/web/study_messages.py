"""What the rating page's server and a rater's browser tell each other, as JSON."""

from pydantic import BaseModel, Field, StrictFloat, StrictInt, StrictStr

from unmask.study.questions import Question


class Consent(BaseModel):
    """What somebody sends to take part."""

    consent: bool
    invitation: str | None = Field(None, max_length=64)
    participant: str | None = Field(None, max_length=64)  # of Prolific or MTurk


class Elsewhere(BaseModel):
    """Where a rater's browser has found this page, without what stands behind the #."""

    address: str = Field(max_length=300, pattern="^https?://[^#]+$")


class Answer(BaseModel):
    """What a rater sends for one question."""

    token: str = Field(max_length=256)
    answer: StrictStr | StrictInt | StrictFloat
    seconds: float | None = None


class Listed(BaseModel):
    """A study that takes answers."""

    id: str
    title: str


class About(BaseModel):
    """What anybody may know of a study before taking part."""

    title: str
    consent: list[str]  # paragraphs
    questions: list[Question]
    pair_question: str
    rank_question: str
    size: int  # px: side of every picture
    training: list[str]  # pictures' ids
    answers: int  # that a rater who finishes has given
    screens: int
    pairs: int
    rankings: int
    ended: bool
    by_invitation: bool
    draft: bool


class Asked(BaseModel):
    """A question to one rater. token: what an answer to it is sent with; answer: the one given before."""

    token: str
    answer: str | None


class AskedScore(Asked):
    """Of one picture. ask: which question, 0 is the first."""

    image: str
    ask: int


class AskedComparison(Asked):
    """Of several pictures, as they are shown from the left."""

    images: tuple[str, ...]


class Part(BaseModel):
    """All that a rater's browser needs: what to show, in order, the tokens to answer, the answers so far."""

    code: str
    token: str
    screens: list[list[AskedScore]]
    pairs: list[AskedComparison]
    rankings: list[AskedComparison]
    completion: str  # a code or an address, once all is answered


class Pairs(BaseModel):
    """All pairs that a rater was asked about so far, the newest last."""

    pairs: list[AskedComparison]


class Link(BaseModel):
    """By which a rater goes on on another device. code: a QR code of it, as an address of a picture."""

    link: str
    code: str


class Saved(BaseModel):
    """An answer is on disk. version: 1, or more for an edit."""

    saved: bool = True
    version: int


class Withdrawn(BaseModel):
    """All answers are deleted."""

    withdrawn: bool = True
