"""Statistics, the Markdown tables, and the budgets."""

import statistics
from dataclasses import dataclass

from measurement import Result, Row

#: More runtimes than this leave no room for the spread and for columns of ratios.
SPREAD_COLUMNS = 4


@dataclass(frozen=True)
class Budget:
    """What apus may cost in a row. `to`: the runtime, or the row of its own, that it is divided by; empty: nothing."""

    row: str
    to: str
    limit: float
    at_least: bool = False


CRUN = {
    "version": 0.30, "run": 0.50, "run-gap": 0.25, "life": 0.60, "create": 0.25, "start": 0.25, "state": 0.15,
    "list": 0.15, "exec": 0.35, "exec-gap": 0.60, "delete-force": 0.20, "run-mounts-2000": 1.0, "list-500": 1.0,
    "storm": 1.0, "storm-p95": 1.0, "storm-worst": 1.0, "peak-version": 1.0, "peak-state": 1.0, "peak-create": 1.0,
    "peak-run": 1.0, "peak-exec": 1.0, "waiting": 0.40, "limit": 1.0,
}
RUNC = {
    "run": 0.25, "exec": 0.25, "exec-gap": 0.25, "delete-force": 0.03, "run-mounts-2000": 1.0, "list-500": 1.0,
    "storm": 1.0, "storm-p95": 1.0, "storm-worst": 1.0,
}
BUDGETS = (
    *(Budget(row, "crun", limit) for row, limit in CRUN.items()),
    *(Budget(row, "runc", limit) for row, limit in RUNC.items()),
    Budget("run", "floor", 1.15),
    Budget("limit", "floor", 1.10),  # one step of the search
    Budget("parallel", "crun", 1.8, at_least=True),
    # No worse than linear: so many times as much of it takes at most so many times as long.
    Budget("run-mounts-2000", "run-mounts-1000", 2.0),
    Budget("list-500", "list-100", 5.0),
    Budget("storm-memory", "", 16),
    Budget("storm-left", "", 0),
    Budget("anonymous", "", 150),
    Budget("waiting-anonymous", "", 150),
    Budget("waiting", "", 70),
    Budget("size", "", 3584),
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


def median(data: dict, row: str, name: str) -> float | None:
    return data.get(row, {}).get("runtimes", {}).get(name, {}).get("median")


def ratio(one: float | None, other: float | None) -> float | None:
    return one / other if one is not None and other else None


def number(unit: str, value: float) -> str:
    return f"{value:,.{2 if unit == 'ms' else 0}f}"


def cell(unit: str, values: dict | None, bracket: str | None) -> str:
    """`bracket`: what stands behind the median; None: the spread."""
    if values is None:
        return "-"
    if "error" in values:
        return "failed"
    middle, low, high = (number(unit, values[key]) for key in ("median", "p10", "p90"))
    if bracket is None:
        bracket = "" if low == high else f"{low}-{high}"
    return f"{middle} ({bracket})" if bracket else middle


def lines_of(head: list[str], rows: list[list[str]], left: int) -> str:
    """A Markdown table whose first columns, `left` of them, are text."""
    rule = "|---" * left + "|--:" * (len(head) - left) + "|"
    return "\n".join([f"| {' | '.join(head)} |", rule] + [f"| {' | '.join(row)} |" for row in rows])


def table(data: dict, names: list[str]) -> str:
    """One row for each measurement: medians with their spread, then apus's median by each other's. Where runtimes are
    many, that ratio takes the place of the spread."""
    subject = "apus" if "apus" in names else names[0]
    others = [name for name in names if name != subject]
    many = len(names) > SPREAD_COLUMNS
    rows = []
    for key, row in data.items():
        ratios = {other: ratio(median(data, key, subject), median(data, key, other)) for other in others}
        shown = {other: "-" if value is None else f"{value:.2f}" for other, value in ratios.items()}
        cells = [cell(row["unit"], row["runtimes"].get(name), shown.get(name, "").strip("-") if many else None)
                 for name in names]
        rows.append([f"{row['title']}, {row['unit']}", *cells, *(() if many else shown.values())])
    head = [name if name == subject or not many else f"{name} ({subject}/{name})" for name in names]
    return lines_of(["measurement", *head, *(() if many else (f"{subject}/{other}" for other in others))], rows, left=1)


def failures(data: dict) -> list[str]:
    return [f"{name}: {key}: {values['error']}" for key, row in data.items()
            for name, values in row["runtimes"].items() if "error" in values]


def budgets(data: dict, against: dict[str, str]) -> list[dict]:
    """Every budget of the rows that were taken, with what was measured and whether it holds; what could not be measured
    does not hold. `against`: which runtime stands for `crun` and which for `runc`; none for one that was left out."""
    found = []
    for budget in BUDGETS:
        other = "" if budget.to in data else against.get(budget.to, "")
        if budget.row not in data or budget.to and budget.to not in data and not other:
            continue
        own = median(data, budget.row, "apus")
        reference = median(data, budget.to, "apus") if budget.to in data else median(data, budget.row, other)
        value = ratio(own, reference) if budget.to else own
        holds = value is not None and (value >= budget.limit if budget.at_least else value <= budget.limit)
        found.append({"row": budget.row, "title": data[budget.row]["title"], "unit": data[budget.row]["unit"],
                      "to": f"apus, {data[budget.to]['title']}" if budget.to in data else other,
                      "own": own, "reference": reference if budget.to else None,
                      "limit": budget.limit, "at_least": budget.at_least, "value": value, "holds": holds})
    return found


def budget_table(verdicts: list[dict]) -> str:
    rows = []
    for each in verdicts:
        unit = each["unit"]

        def shown(value: float | None, relative: bool) -> str:
            return "-" if value is None else f"{value:.3f}" if relative else number(unit, value)

        sign = ">=" if each["at_least"] else "<="
        relative = bool(each["to"])
        limit = f"{each['limit']:.2f}" if relative else number(unit, each["limit"])
        rows.append([f"{each['title']}, {unit}", each["to"] or "nothing", shown(each["own"], False),
                     shown(each["reference"], False), shown(each["value"], True) if relative else "-",
                     f"{sign} {limit}", "holds" if each["holds"] else "**missed**"])
    return lines_of(["budget", "compared with", "apus", "the other", "ratio", "wanted", ""], rows, left=2)
