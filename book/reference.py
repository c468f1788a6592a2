"""Writes `docs/reference` from the comments of the contract: a page for each file of it, and one of all errors.

    python book/reference.py           # writes the pages
    python book/reference.py --check   # fails where they are not what the contract gives

Needs grpcio-tools, as the stubs of Python do. What a comment says is not changed: its words become links where they name a call, a
message, a field or a page, and the errors of a call become a list.
"""

import re
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
)

from pages import ROOT

PAGES = ROOT / "docs/reference"
PROTO = ROOT / "proto"
PACKAGE = "sockwright.v1"
CODES = (
    "CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED RESOURCE_EXHAUSTED "
    "FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED"
).split()
CODE = re.compile(rf"\b({'|'.join(CODES)})\b")
ERROR = re.compile(rf"\b({'|'.join(CODES)}) (?:with )?(`E[A-Z0-9]+`(?:(?:,| or) `E[A-Z0-9]+`)*)")
SCALARS = {
    FieldDescriptorProto.TYPE_DOUBLE: "double",
    FieldDescriptorProto.TYPE_FLOAT: "float",
    FieldDescriptorProto.TYPE_INT64: "int64",
    FieldDescriptorProto.TYPE_UINT64: "uint64",
    FieldDescriptorProto.TYPE_INT32: "int32",
    FieldDescriptorProto.TYPE_FIXED64: "fixed64",
    FieldDescriptorProto.TYPE_FIXED32: "fixed32",
    FieldDescriptorProto.TYPE_BOOL: "bool",
    FieldDescriptorProto.TYPE_STRING: "string",
    FieldDescriptorProto.TYPE_BYTES: "bytes",
    FieldDescriptorProto.TYPE_UINT32: "uint32",
}
OVERVIEW = """\
# The contract

Every call, message, field and enum of `sockwright.v1`, from the comments in [`proto/sockwright/v1`](../../proto/sockwright/v1).
These pages are written by `book/reference.py`; CI fails where they are stale.

"""


@dataclass
class Names:
    """Where each name of the contract is told: a page and an anchor."""

    places: dict[str, str] = field(default_factory=dict)
    ambiguous: set[str] = field(default_factory=set)
    types: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, place: str) -> None:
        if self.places.setdefault(name, place) != place:
            self.ambiguous.add(name)

    def link(self, name: str, page: str, near: str) -> str | None:
        """Where a name leads, from a page. Of several, the one of the same message or of the page's service."""
        for whole in (f"{near}.{name}", f"{Path(page).stem.capitalize()}.{name}", name):
            if whole in self.places and whole not in self.ambiguous:
                return self.from_page(self.places[whole], page)
        return None

    def from_page(self, place: str, page: str) -> str:
        """A place as that page leads to it."""
        return place.removeprefix(page) if place.startswith(page + "#") else place


class Source:
    """A file of the contract with its comments."""

    def __init__(self, proto: FileDescriptorProto) -> None:
        self.proto = proto
        self.name = Path(proto.name).stem
        self.page = f"{self.name}.md"
        self._comments = {
            tuple(location.path): location.leading_comments for location in proto.source_code_info.location if location.leading_comments
        }
        self.syntax_comments = next(
            (
                "".join(location.leading_detached_comments) + location.leading_comments
                for location in proto.source_code_info.location
                if tuple(location.path) == (2,)
            ),
            "",
        )

    def comment(self, *path: int) -> str:
        """The comment of what has that path in the file's descriptor."""
        return "\n".join(line.removeprefix(" ").rstrip() for line in self._comments.get(path, "").split("\n")).strip()


def main() -> int:
    sources = [Source(proto) for proto in _descriptors() if proto.package == PACKAGE]
    names = _names(sources)
    pages = {source.page: _page(source, names) for source in sources}
    pages["errors.md"] = _errors(sources)
    pages["README.md"] = _overview(sources)
    stale = [name for name, text in pages.items() if not (PAGES / name).exists() or (PAGES / name).read_text() != text]
    stale += [path.name for path in PAGES.glob("*.md") if path.name not in pages]
    if "--check" in sys.argv[1:]:
        for name in stale:
            print(f"docs/reference/{name} is not what the contract gives: python book/reference.py", file=sys.stderr)
        return 1 if stale else 0
    PAGES.mkdir(exist_ok=True)
    for name in stale:
        if name in pages:
            (PAGES / name).write_text(pages[name])
        else:
            (PAGES / name).unlink()
    return 0


def _descriptors() -> list[FileDescriptorProto]:
    from grpc_tools import protoc  # Only who writes or checks these pages needs it.

    included = Path(protoc.__file__).parent / "_proto"
    files = sorted(str(path) for path in PROTO.rglob("*.proto"))
    with tempfile.NamedTemporaryFile() as output:
        arguments = ["protoc", f"-I{PROTO}", f"-I{included}", "--include_source_info", f"--descriptor_set_out={output.name}", *files]
        if protoc.main(arguments) != 0:
            raise SystemExit("the contract does not compile")
        return list(FileDescriptorSet.FromString(Path(output.name).read_bytes()).file)


def _names(sources: list[Source]) -> Names:
    names = Names()
    for source in sources:
        for service in source.proto.service:
            names.add(service.name, source.page)
            for method in service.method:
                place = f"{source.page}#{_anchor(f'{service.name}.{method.name}')}"
                names.add(f"{service.name}.{method.name}", place)
                names.add(method.name, place)
        for message in source.proto.message_type:
            names.types[message.name] = f"{source.page}#{_anchor(message.name)}"
            names.add(message.name, names.types[message.name])
            for each in message.field:
                names.add(f"{message.name}.{each.name}", f"{source.page}#{_anchor(f'{message.name}.{each.name}')}")
        for enum in source.proto.enum_type:
            names.types[enum.name] = f"{source.page}#{_anchor(enum.name)}"
            names.add(enum.name, names.types[enum.name])
            for value in enum.value:
                names.add(value.name, f"{source.page}#{_anchor(value.name)}")
    return names


def _anchor(name: str) -> str:
    return name.lower().replace(".", "-")


def _page(source: Source, names: Names) -> str:
    proto = source.proto
    messages = {message.name: (number, message) for number, message in enumerate(proto.message_type)}
    told: set[str] = set()
    parts: list[str] = []
    for number, service in enumerate(proto.service):
        parts += [f"# {service.name}", _prose(source.comment(6, number), names, source.page, service.name)]
        rows = [
            f"| [`{method.name}`](#{_anchor(f'{service.name}.{method.name}')}) | {_cell(_first(source.comment(6, number, 2, index)))} |"
            for index, method in enumerate(service.method)
        ]
        parts.append("\n".join(["| call | |", "|---|---|", *rows]))
        for index, method in enumerate(service.method):
            parts += _call(source, names, service.name, method, source.comment(6, number, 2, index))
            for name in (_short(method.input_type), _short(method.output_type)):
                if name in messages and name not in told:
                    told.add(name)
                    parts += _message(source, names, *messages[name], level=4)
    if not proto.service:
        parts += [f"# {source.name.capitalize()}", _prose(_conventions(source), names, source.page, "")]
    others = [(name, place) for name, place in messages.items() if name not in told]
    if others:
        parts.append("## Messages")
        for _, place in others:
            parts += _message(source, names, *place, level=3)
    if proto.enum_type:
        parts.append("## Enums")
        for number, enum in enumerate(proto.enum_type):
            parts += _enum(source, names, number, enum)
    return "\n\n".join(part for part in parts if part) + "\n"


def _call(source: Source, names: Names, service: str, method: MethodDescriptorProto, comment: str) -> list[str]:
    streams = ("stream " if method.client_streaming else "", "stream " if method.server_streaming else "")
    request, response = _short(method.input_type), _short(method.output_type)
    signature = (
        f"`/{PACKAGE}.{service}/{method.name}`: {streams[0]}[`{request}`](#{_anchor(request)}) → "
        f"{streams[1]}[`{response}`](#{_anchor(response)})"
    )
    anchor = _anchor(f"{service}.{method.name}")
    prose = _prose(comment, names, source.page, service)
    return [f'<a id="{anchor}"></a>', f"## {service}.{method.name}", signature, prose]


def _message(source: Source, names: Names, number: int, message: DescriptorProto, level: int) -> list[str]:
    comment = source.comment(4, number)
    parts = [f"{'#' * level} `{message.name}`"]
    if not comment.startswith("See `"):
        parts.append(_prose(comment, names, source.page, message.name))
    rows = []
    shared = None
    for index, each in enumerate(message.field):
        told = _cell(_linked(_joined(source.comment(4, number, 2, index)), names, source.page, message.name))
        one_of = each.oneof_index if each.HasField("oneof_index") and not each.proto3_optional else None
        if one_of is not None and one_of != shared:
            what = _cell(_linked(_joined(source.comment(4, number, 8, one_of)), names, source.page, message.name))
            rows.append(f"| | | | *one of `{message.oneof_decl[one_of].name}`:* {what} |")
        shared = one_of
        anchor = f'<a id="{_anchor(f"{message.name}.{each.name}")}"></a>'
        rows.append(f"| {anchor}`{each.name}` | {_type(each, message, names, source.page)} | {each.number} | {told} |")
    if rows:
        parts.append("\n".join(["| field | type | no. | |", "|---|---|--:|---|", *rows]))
    return parts


def _enum(source: Source, names: Names, number: int, enum: EnumDescriptorProto) -> list[str]:
    rows = []
    for index, value in enumerate(enum.value):
        told = _cell(_linked(_joined(source.comment(5, number, 2, index)), names, source.page, enum.name))
        rows.append(f'| <a id="{_anchor(value.name)}"></a>`{value.name}` | {value.number} | {told} |')
    prose = _prose(source.comment(5, number), names, source.page, enum.name)
    return [f"### `{enum.name}`", prose, "\n".join(["| value | no. | |", "|---|--:|---|", *rows])]


def _type(each: FieldDescriptorProto, message: DescriptorProto, names: Names, page: str) -> str:
    if each.type in SCALARS:
        named = f"`{SCALARS[each.type]}`"
    else:
        nested = {one.name: one for one in message.nested_type}.get(_short(each.type_name))
        if nested is not None and nested.options.map_entry:
            key, value = nested.field
            return f"map of `{SCALARS[key.type]}` to `{SCALARS[value.type]}`"
        short = _short(each.type_name)
        named = f"`{each.type_name.removeprefix('.')}`"
        if short in names.types and PACKAGE in each.type_name:
            named = f"[`{short}`]({names.from_page(names.types[short], page)})"
    if each.label == FieldDescriptorProto.LABEL_REPEATED:
        return f"repeated {named}"
    return f"optional {named}" if each.proto3_optional else named


def _errors(sources: list[Source]) -> str:
    found: dict[tuple[str, str], list[str]] = {}
    for source in sources:
        for number, service in enumerate(source.proto.service):
            comments = [(source.comment(6, number), f"[{service.name}]({source.page})")]
            for index, method in enumerate(service.method):
                name = f"{service.name}.{method.name}"
                comments.append((source.comment(6, number, 2, index), f"[`{name}`]({source.page}#{_anchor(name)})"))
            for comment, call in comments:
                for code, errnos in ERROR.findall(_joined(comment)):
                    for errno in re.findall(r"E[A-Z0-9]+", errnos):
                        calls = found.setdefault((errno, code), [])
                        if call not in calls:
                            calls.append(call)
    rows = [f"| `{errno}` | `{code}` | {', '.join(calls)} |" for (errno, code), calls in sorted(found.items())]
    return "\n".join(
        [
            "# Errors",
            "",
            "A failed call has a status of gRPC. Where an errno of POSIX fits, the status carries a",
            "[`SocketError`](common.md#socketerror) among its details (`grpc-status-details-bin`), and the trailer",
            "`sockwright-errno` has the name alone. The code is for programs that know gRPC only; the errno says what it is.",
            "What each call answers in each state is in [calls.md](../calls.md), with what the errnos mean.",
            "",
            "Here is which call names which, in its own comment; those in a service's comment go for all calls that name a socket.",
            "",
            "| errno | code | told by |",
            "|---|---|---|",
            *rows,
            "",
            "Without an errno: `INVALID_ARGUMENT` names the field in its message, `RESOURCE_EXHAUSTED` says what there is too much of,",
            "`UNAVAILABLE` also comes as the server stops, `DEADLINE_EXCEEDED` and `CANCELLED` end a wait and nothing else.",
            "",
        ]
    )


def _overview(sources: list[Source]) -> str:
    rows = []
    for source in sources:
        for number, service in enumerate(source.proto.service):
            calls = ", ".join(f"[`{one.name}`]({source.page}#{_anchor(f'{service.name}.{one.name}')})" for one in service.method)
            rows.append(f"| [{service.name}]({source.page}) | {_cell(_first(source.comment(6, number)))} | {calls} |")
    rows.append("| [Common](common.md) | What the services share: positions, addresses, filters, states, kinds of event. | |")
    rows.append("| [Errors](errors.md) | Which call gives which. | |")
    return OVERVIEW + "\n".join(["| service | | calls |", "|---|---|---|", *rows]) + "\n"


def _conventions(source: Source) -> str:
    """What the file of no service says above its package."""
    return "\n".join(line.removeprefix(" ").rstrip() for line in source.syntax_comments.split("\n")).strip()


def _prose(comment: str, names: Names, page: str, near: str) -> str:
    """A comment as Markdown, its errors as a list."""
    parts = []
    for paragraph in comment.split("\n\n"):
        begin = re.search(r"(^|(?<=\. ))Errors?: ", _joined(paragraph))
        if begin is None or paragraph.lstrip().startswith("*"):
            parts.append(_linked(paragraph, names, page, near))
            continue
        text = _joined(paragraph)
        if before := text[: begin.start()].strip():
            parts.append(_linked(before, names, page, near))
        items = [f"- {_linked(item, names, page, near)}" for item in _items(text[begin.end() :])]
        parts.append("\n".join(["Errors:", "", *items]))
    return "\n\n".join(parts)


def _items(text: str) -> list[str]:
    """The errors of a sentence, one by one: cut at commas outside of brackets where the next one begins with a code."""
    items, depth, begun = [], 0, 0
    for at, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            rest = text[at + 1 :].lstrip().removeprefix("and ")
            if CODE.match(rest) or rest.startswith("those of"):
                items.append(text[begun:at])
                begun = at + 1
    items.append(text[begun:])
    return [item.strip().removeprefix("and ").rstrip(".;") for item in items]


def _linked(text: str, names: Names, page: str, near: str) -> str:
    def lead(span: re.Match[str]) -> str:
        name = span[1]
        if name.startswith("docs/") and (ROOT / name).exists():
            return f"[{Path(name).name}](../{name.removeprefix('docs/')})"
        place = names.link(name, page, near)
        return f"[`{name}`]({place})" if place else span[0]

    return re.sub(r"`([^`\n]+)`", lead, text)


def _joined(text: str) -> str:
    return " ".join(text.split())


def _first(comment: str) -> str:
    """The first sentence."""
    text = _joined(comment.split("\n\n")[0])
    end = re.search(r"\.(?= [A-Z]|$)", text)
    return text[: end.end()] if end else text


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _short(name: str) -> str:
    return name.rsplit(".", 1)[-1]


if __name__ == "__main__":
    sys.exit(main())
