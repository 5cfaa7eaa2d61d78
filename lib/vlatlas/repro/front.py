"""The typed model of a paper's front matter. What it means is told in the book's chapter on adding a
paper."""

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from .vocabulary import FAMILIES, IDENTIFIER, JUDGED_PROFILES, SLUG

Family = Literal[FAMILIES]
JudgedProfile = Literal[JUDGED_PROFILES]


def _as_list(value):
    return [value] if isinstance(value, str) else value


def _as_text(value):
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Slug = Annotated[str, StringConstraints(pattern=SLUG, max_length=80)]
Id = Annotated[str, StringConstraints(pattern=IDENTIFIER, max_length=60)]
Dotted = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")]
Expression = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Expressions = Annotated[list[Expression], BeforeValidator(_as_list)]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Published(Model):
    """What the paper states, as text, and where."""

    value: Annotated[Text, BeforeValidator(_as_text)]
    where: Text


class Claim(Model):
    """A statement of the paper, and the predicate over our metrics that decides it (None: not testable
    here)."""

    id: Id
    says: Text
    paper: Published
    check: Expression | None
    direction: Expression | None = None
    measured: Expressions = Field(default_factory=list)
    profiles: list[JudgedProfile] = Field(default_factory=lambda: list(JUDGED_PROFILES), min_length=1)
    seeds: int = Field(3, ge=1, le=1000)
    controls: list[Id] = Field(default_factory=list)
    tolerance: Text


class Control(Model):
    """An experiment that must fail in a stated way; a claim that names it can't be 'reproduced' where it
    does not."""

    id: Id
    says: Text
    check: Expression
    profiles: list[JudgedProfile] = Field(default_factory=lambda: list(JUDGED_PROFILES), min_length=1)


class Figure(Model):
    """The paper's figure that the notebook redraws; `alt` states our own finding."""

    paper: Text
    shows: Text
    alt: Text | None = None


class PaperFront(Model):
    """Everything that `index.md` says about its paper, apart from the prose."""

    slug: Slug
    bib: Text
    name: Text
    family: Family
    tasks: list[Text] = Field(min_length=1)
    modalities: list[Text] = Field(min_length=1)
    training_free: bool = False
    protocol: Id | None
    tldr: Text
    tldr_zh: Text
    code: list[Dotted]
    builds_on: list[Slug] = Field(default_factory=list)
    related: list[Slug] = Field(default_factory=list)
    figure: Figure
    claims: list[Claim] = Field(min_length=1)
    controls: list[Control] = Field(default_factory=list)
    tolerances: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    deviations: list[Text]
    errata: list[Text]


class Page(Model):
    """The whole block: one paper, and whatever Jupyter Book reads beside it."""

    model_config = ConfigDict(extra="allow", frozen=True)
    paper: PaperFront


def fields_of(path: tuple) -> list[str]:
    """The names allowed at a place of the front matter, for near-miss suggestions."""
    model = Page
    for part in path:
        if isinstance(part, int) or model is None:
            continue
        field = model.model_fields.get(part)
        model = _model_of(field.annotation) if field else None
    return list(model.model_fields) if model else []


def _model_of(annotation) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in get_args(annotation):
        if found := _model_of(part):
            return found
    return None
