"""What lets raters in, and says who answers which question: signed with the study's secret, kept nowhere."""

import hashlib
import hmac
from dataclasses import dataclass

from unmask.study.plan import StudyError


@dataclass(frozen=True)
class Tokens:
    """The tokens of one study. Whoever lacks its secret can neither make one nor tell from it who has it."""

    study_id: str
    secret: bytes

    def invitations(self, count: int, first: int = 0) -> list[str]:
        """Codes that let one person in each. The same numbers give the same codes: `first` goes on counting."""
        numbers = range(first, first + count)
        return [f"{number}.{self.sign('invitation', str(number))}" for number in numbers]

    def read_invitation(self, invitation: str) -> str:
        """The id of the rater whom it lets in, from which nobody without the secret can tell the invitation.

        Raises StudyError for an invitation that is not ours.
        """
        number, _, signature = invitation.partition(".")
        if not hmac.compare_digest(signature.encode(), self.sign("invitation", number).encode()):
            raise StudyError("This invitation is not valid here: open the link exactly as you were sent it.", 403)
        return self.sign("invited", number)

    def preview(self) -> str:
        """What shows the study as a rater sees it to whoever plans it."""
        return f"preview.{self.sign('preview')}"

    def check_preview(self, key: str) -> None:
        """Raises StudyError for a key that is not ours."""
        if not hmac.compare_digest(key.encode(), self.preview().encode()):
            raise StudyError("This preview is not valid here: open it from the tab with the studies.", 403)

    def of_rater(self, rater_id: str) -> str:
        """What a browser keeps to go on later."""
        return f"{self.study_id}.{rater_id}.{self.sign('rater', rater_id)}"

    def of_question(self, rater_id: str, question: str) -> str:
        """What allows this rater, and nobody else, to answer this question, and no other."""
        return f"{self.study_id}.{rater_id}.{question}.{self.sign('question', rater_id, question)}"

    def read_rater(self, token: str) -> str:
        """The rater's id. Raises StudyError for a token that is not ours."""
        return self._read("rater", token, 1)[0]

    def read_question(self, token: str) -> tuple[str, str]:
        """(rater's id, question). Raises StudyError for a token that is not ours."""
        rater_id, question = self._read("question", token, 2)
        return rater_id, question

    def _read(self, purpose: str, token: str, length: int) -> list[str]:
        study_id, *parts, signature = token.split(".") if token.count(".") == length + 1 else ["", "", ""]
        right = self.sign(purpose, *parts)
        if study_id != self.study_id or not hmac.compare_digest(signature.encode(), right.encode()):
            raise StudyError("This token is not valid here: open the study's page anew.", 403)
        return parts

    def sign(self, *parts: str) -> str:
        """32 hexadecimal digits that only whoever knows the secret can make of these parts."""
        message = "\n".join([self.study_id, *parts])
        return hmac.new(self.secret, message.encode(), hashlib.sha256).hexdigest()[:32]
