"""A database that goes away under a study and comes back: what was saved is there, and raters go on."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from tests.study.study_maker import token
from unmask.study.database import NO_ANSWER
from unmask.study.plan import StudyError


def test_while_it_is_away_raters_are_told_and_afterwards_they_go_on(store):
    """On either database; the page tries again by itself, as test_rating_page shows."""
    rater = store.join(consent=True)
    first, second = (item for screen in rater.screens[:2] for item in screen)
    assert store.answer(token(store, rater, first), 9) == 1

    def gone(connection):
        raise OperationalError("BEGIN", {}, ConnectionError("server closed the connection unexpectedly"))

    sa.event.listen(store.engine, "begin", gone)
    try:
        answer, join = lambda: store.answer(token(store, rater, second), 4), lambda: store.join(consent=True)
        for ask in (answer, join, store.progress):
            with pytest.raises(StudyError) as refused:
                ask()
            assert str(refused.value) == NO_ANSWER and refused.value.status == 503
    finally:
        sa.event.remove(store.engine, "begin", gone)
    assert store.rater(rater.rater_id).answers == {first: "9"}
    assert store.answer(token(store, rater, second), 4) == 1 and store.progress()["joined"] == 1


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_connections_that_the_database_has_cut_are_made_anew(store):
    rater = store.join(consent=True)
    item = rater.screens[0][0]
    store.answer(token(store, rater, item), 9)
    other = sa.create_engine(store.engine.url)
    with other.connect() as connection:
        others = "pid <> pg_backend_pid() AND datname = current_database()"
        cut = f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {others}"
        assert connection.exec_driver_sql(cut).scalar() >= 1
    other.dispose()
    assert store.answer(token(store, rater, item), 3) == 2
    assert store.rater(rater.rater_id).answers == {item: "3"}
