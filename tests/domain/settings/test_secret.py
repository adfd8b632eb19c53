"""A secret is used and never shown."""

import pickle

import pytest

from bot.domain.settings.secret import HIDDEN, Secret


def test_a_secret_is_equal_to_itself_only_and_cannot_be_written_down() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1
    with pytest.raises(TypeError):
        pickle.dumps(Secret("a"))


def test_a_secret_shows_only_that_there_is_one() -> None:
    secret = Secret("planted")
    assert f"{secret} {secret!r}" == f"{HIDDEN} {HIDDEN}"
    assert secret.reveal() == "planted"
    assert secret
    assert not Secret("")
