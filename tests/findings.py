"""Which findings there are, read from the source: each with its code, its verdict, and whether it must have a remedy.

A finding is made by a call of `Finding`, or of a function with a parameter `code`, which makes one for its callers.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
_NONE = ast.Constant("")


@dataclass(frozen=True)
class Made:
    """One place that makes a finding."""

    where: str  #: file and line
    code: str  #: what is put together there stands as `*`
    verdict: str  #: blocker, unknown, warning or ok
    has_remedy: bool  #: whether its remedy can be seen to be never empty


@dataclass(frozen=True)
class _Maker:
    """A function that makes findings for its callers."""

    names: tuple[str, ...]
    defaults: dict[str, ast.expr]
    verdict: ast.expr | None  #: where it decides that itself


def made_in(*folders: str) -> list[Made]:
    """All of them in some folders, from the root."""
    found = []
    for folder in folders:
        trees = {path: ast.parse(path.read_text()) for path in sorted((ROOT / folder).rglob("*.py"))}
        shared = {name: maker for tree in trees.values() for name, maker in _makers(tree) if not name.startswith("_")}
        for path, tree in trees.items():
            mine = shared | dict(_makers(tree))
            found += [made for function in _functions(tree) for made in _made(path, function, mine)]
    return found


def reached_from(folder: str, start: str) -> set[str]:
    """The codes that a function can make, itself or by what it names: `adapters.cloudtower.plans.entering.plan`.

    Args:
        folder: the package.
        start: the function, with its module.
    """
    paths = {_module(path): path for path in sorted((ROOT / folder).rglob("*.py"))}
    trees = {module: ast.parse(path.read_text()) for module, path in paths.items()}
    shared = {name: maker for tree in trees.values() for name, maker in _makers(tree) if not name.startswith("_")}
    functions = {(module, f.name): f for module, tree in trees.items() for f in _functions(tree)}
    module, _, name = start.rpartition(".")
    todo, seen = [(module, name)], {(module, name)}
    while todo:
        module, name = todo.pop()
        for place in _named(functions[module, name], module, trees[module]):
            if place in functions and place not in seen:
                seen.add(place)
                todo.append(place)
    made: set[str] = set()
    for module, name in seen:
        mine = shared | dict(_makers(trees[module]))
        made |= {one.code for one in _made(paths[module], functions[module, name], mine)}
    return made


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def _named(function: ast.AST, module: str, tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The functions that one names, called or handed on."""
    imported = {
        (alias.asname or alias.name): (node.module or "", alias.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for node in ast.walk(function):
        if isinstance(node, ast.Name):
            yield imported.get(node.id, (module, node.id))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in imported:
            yield ".".join(imported[node.value.id]), node.attr


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _makers(tree: ast.Module) -> Iterator[tuple[str, _Maker]]:
    for function in _functions(tree):
        names = tuple(a.arg for a in [*function.args.args, *function.args.kwonlyargs])
        if "code" not in names or function.returns is None or "Finding" not in ast.unparse(function.returns):
            continue
        given = zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
        calls = [node for node in ast.walk(function) if isinstance(node, ast.Call) and _name(node) == "Finding"]
        said = next(k.value for call in calls for k in call.keywords if k.arg == "verdict")
        yield (
            function.name,
            _Maker(
                names=names,
                defaults={a.arg: value for a, value in given if value is not None},
                verdict=None if isinstance(said, ast.Name) else said,
            ),
        )


def _made(path: Path, function: ast.FunctionDef | ast.AsyncFunctionDef, makers: dict[str, _Maker]) -> Iterator[Made]:
    if function.name in makers:
        return
    for call in ast.walk(function):
        if not isinstance(call, ast.Call) or (_name(call) != "Finding" and _name(call) not in makers):
            continue
        maker = makers.get(_name(call), _Maker((), {}, None))
        given = maker.defaults | dict(zip(maker.names, call.args, strict=False))
        given |= {k.arg: k.value for k in call.keywords if k.arg}
        verdict = maker.verdict or given["verdict"]
        for code in _texts(given["code"]):
            yield Made(
                where=f"{path.relative_to(ROOT)}:{call.lineno}",
                code=code,
                verdict=verdict.attr.lower() if isinstance(verdict, ast.Attribute) else ast.unparse(verdict),
                has_remedy=_is_never_empty(given.get("remedy", _NONE), function),
            )


def _name(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def _texts(code: ast.expr) -> Iterator[str]:
    if isinstance(code, ast.Constant):
        yield str(code.value)
    elif isinstance(code, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in code.values)


def _is_never_empty(text: ast.expr, within: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    match text:
        case ast.Constant(value=value):
            return bool(value)
        case ast.JoinedStr(values=parts):
            return any(isinstance(part, ast.Constant) and str(part.value).strip() for part in parts)
        case ast.BoolOp(op=ast.Or(), values=values):
            return _is_never_empty(values[-1], within)
        case ast.IfExp(body=body, orelse=other):
            return _is_never_empty(body, within) and _is_never_empty(other, within)
        case ast.Call(func=ast.Attribute(value=value, attr="strip")):
            return _is_never_empty(value, within)
        case ast.Name(id=name):
            values = [value for target, value in _assignments(within) if target == name]
            return bool(values) and all(_is_never_empty(value, within) for value in values)
    return False


def _assignments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                pairs = [(target, node.value)]
                if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    pairs = list(zip(target.elts, node.value.elts, strict=True))
                yield from ((left.id, right) for left, right in pairs if isinstance(left, ast.Name))
