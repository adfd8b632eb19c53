"""A table of muster.toml: it knows all of its keys, and tells at once everything that is wrong with them."""

from collections.abc import Iterator, Mapping
from typing import Any, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

Said: TypeAlias = Mapping[str, Any]
"""A table as it is written."""
Complaint: TypeAlias = tuple[str, PydanticCustomError]
"""The key that is complained of, and the error."""

_OURS = "muster"


def wrong(sentence: str, remedy: str = "") -> PydanticCustomError:
    """An error whose sentence and remedy reach the operator as they are."""
    return PydanticCustomError(_OURS, "{sentence}", {"sentence": sentence, "remedy": remedy})


def all_wrong(*complaints: Complaint) -> ValidationError:
    """The error of a table with these complaints."""
    return _error([InitErrorDetails(type=error, loc=(key,), input=None) for key, error in complaints])


def missing(said: Said, word: str) -> Iterator[Complaint]:
    """That neither `<word>_env` nor `<word>_file` is there, for a secret that is needed."""
    if f"{word}_env" not in said and f"{word}_file" not in said:
        yield (
            f"{word}_env",
            wrong("is missing.", f"Name an environment variable that holds the {word}, or a file in {word}_file."),
        )


class Table(BaseModel):
    """A table that knows all of its keys.

    A secret is two keys, `<word>_env` and `<word>_file`, of which one is written.
    """

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True, hide_input_in_errors=True
    )

    @classmethod
    def complaints(cls, said: Said) -> Iterator[Complaint]:  # noqa: ARG003  # for those who override it
        """What is wrong with keys together though each may be right; told beside what is wrong with one alone.

        Args:
            said: the table as it is written, whether its values are right or not.
        """
        return iter(())

    @model_validator(mode="wrap")
    @classmethod
    def _tell_all(cls, said: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(said, Mapping):
            return handler(said)
        twice = [word for word in _secrets(cls.model_fields) if f"{word}_env" in said and f"{word}_file" in said]
        found = [
            *((f"{word}_env", wrong(f"is set, and so is {word}_file.", "Keep only one of them.")) for word in twice),
            *cls.complaints(said),
        ]
        unheard = {f"{word}_{where}" for word in twice for where in ("env", "file")}
        details = list(all_wrong(*found).errors()) if found else []
        try:
            table = handler({key: value for key, value in said.items() if key not in unheard})
        except ValidationError as error:
            details = [*error.errors(), *details]
        else:
            if not details:
                return table
        raise _error([_again(detail) for detail in details])


def _secrets(keys: Mapping[str, object]) -> Iterator[str]:
    return (key.removesuffix("_env") for key in keys if key.endswith("_env"))


def _again(detail: ErrorDetails) -> InitErrorDetails:
    """What was raised once, to be raised anew beside others."""
    context = detail.get("ctx", {})
    kind = wrong(context["sentence"], context["remedy"]) if detail["type"] == _OURS else detail["type"]
    return InitErrorDetails(type=kind, loc=detail["loc"], input=None, ctx=context)


def _error(details: list[InitErrorDetails]) -> ValidationError:
    return ValidationError.from_exception_data("muster.toml", details, hide_input=True)
