"""Statistics, the Markdown table, and the budgets."""

import statistics

from rows import Result, Row

# row, runtime to compare with, largest ratio of the medians
BUDGETS = (
    ("version", "crun", 0.3),
    ("run", "crun", 0.6),
    ("run", "runc", 0.25),
    ("run-gap", "crun", 0.45),
    ("life", "crun", 0.6),
    ("exec", "crun", 0.6),
    ("exec", "runc", 0.25),
    ("exec-gap", "crun", 0.6),
    ("exec-gap", "runc", 0.25),
    ("limit", "crun", 1.0),
    ("waiting", "crun", 0.4),
)


def summary(samples: list[float]) -> dict:
    """Median and the 10th and 90th percentile."""
    tenths = statistics.quantiles(samples, n=10, method="inclusive") if len(samples) > 1 else samples * 9
    return {"median": statistics.median(samples), "p10": tenths[0], "p90": tenths[8], "samples": samples}


def as_data(rows: list[Row], results: dict[str, Result]) -> dict:
    data = {}
    for row in rows:
        result = results[row.name]
        runtimes = {name: {"error": error} for name, error in result.errors.items()}
        runtimes |= {name: summary(samples) for name, samples in result.samples.items() if name not in runtimes}
        data[row.name] = {"title": row.title, "unit": row.unit, "runtimes": runtimes}
    return data


def ratio(data: dict, row: str, name: str, to: str) -> float | None:
    runtimes = data.get(row, {}).get("runtimes", {})
    pair = [runtimes.get(each, {}).get("median") for each in (name, to)]
    return pair[0] / pair[1] if all(pair) else None


def cell(unit: str, values: dict | None) -> str:
    if values is None:
        return "-"
    if "error" in values:
        return "failed"
    digits = 2 if unit == "ms" else 0
    median, low, high = (f"{values[key]:,.{digits}f}" for key in ("median", "p10", "p90"))
    return median if low == high else f"{median} ({low}-{high})"


def table(data: dict, names: list[str]) -> str:
    """One row for each measurement: medians with p10-p90, then the first runtime's medians by the others'."""
    subject = "apus" if "apus" in names else names[0]
    others = [name for name in names if name != subject]
    lines = ["| measurement | " + " | ".join(names + [f"{subject}/{other}" for other in others]) + " |",
             "|---|" + "--:|" * (len(names) + len(others))]
    for key, row in data.items():
        ratios = [ratio(data, key, subject, other) for other in others]
        cells = [f"{row['title']}, {row['unit']}"]
        cells += [cell(row["unit"], row["runtimes"].get(name)) for name in names]
        cells += ["-" if value is None else f"{value:.2f}" for value in ratios]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def failures(data: dict) -> list[str]:
    return [f"{name}: {key}: {values['error']}" for key, row in data.items()
            for name, values in row["runtimes"].items() if "error" in values]


def budgets(data: dict) -> list[dict]:
    """Every budget with its ratio and whether it holds; a ratio that could not be taken does not hold."""
    found = []
    for row, other, largest in BUDGETS:
        value = ratio(data, row, "apus", other)
        found.append({"row": row, "to": other, "largest": largest, "ratio": value,
                      "holds": value is not None and value <= largest})
    return found


def budget_line(budget: dict) -> str:
    value = "not measured" if budget["ratio"] is None else f"{budget['ratio']:.2f}"
    verdict = "holds" if budget["holds"] else "MISSED"
    return f"{verdict:6}  {budget['row']:8} {value} of {budget['to']}'s, at most {budget['largest']:.2f}"
