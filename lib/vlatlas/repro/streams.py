"""What a cell printed, as a terminal would have left it. Linear in its length, however long the lines are."""


def collapse(text: str) -> str:
    """Each line as it stood at its end: a carriage return within a line discards what came before it
    (progress bars)."""
    return "\n".join(_last(line) for line in text.replace("\r\n", "\n").split("\n"))


def _last(line: str) -> str:
    rest = line.rstrip("\r")
    return rest[rest.rfind("\r") + 1 :] + ("\r" if len(rest) < len(line) else "")


def merge(outputs: list) -> list:
    """A cell's outputs with each stream (stdout, stderr) joined where it first appeared, and collapsed."""
    merged, streams = [], {}
    for output in outputs:
        name = output.get("name") if output["output_type"] == "stream" else None
        if name is None:
            merged.append(output)
        elif name in streams:
            streams[name].append(output["text"])
        else:
            merged.append(output)
            streams[name] = [output["text"]]
    for output in merged:
        if output["output_type"] == "stream":
            output["text"] = collapse("".join(streams[output["name"]]))
    return merged
