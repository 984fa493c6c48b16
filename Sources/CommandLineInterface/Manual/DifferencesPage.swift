extension Chapter {
    static var differences: Chapter {
        Chapter(
            name: "differences", summary: "where \(programName) deliberately does something else than runc",
            parts: [
                .heading("Description"),
                .text(
                    """
                    `apus` takes runc's commands and flags, prints what runc prints and exits as runc does. Where it \
                    does not, there is a reason. What was compared are runc 1.1.5 and 1.3.6; a version behind a \
                    behaviour says that only this one has it. From crun it has `mounts`, `--config`, `--regex`, \
                    `--log-level`, logs to journald and syslog, and annotations: see `apus-config`(7).
                    """),
                .heading("Differences"),
            ]
                + Difference.all.map { row in
                    .term(
                        Roff.capitalised(row.what),
                        "runc: \(row.runc). apus: \(row.apus). Why: \(row.why).")
                }
                + [
                    .heading("The OCI validation suite"),
                    .text(
                        """
                        Of what some runtime passes in the suite of runtime-tools, apus fails two checks on purpose. \
                        `hooks_stdin` wants `prestart` hooks to be told the status `created`: they are told `creating`, \
                        as by runc, since `create` is not over (runtime.md, State). `start` wants the start of a \
                        container without a process to succeed: it is an error (runtime.md, Start).
                        """),
                ])
    }
}
