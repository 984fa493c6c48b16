import Harness
import Testing

extension Containers {
    /// The cases of `Tests/Console/console.py`: sessions on real pseudo terminals, in shells with job control, in a
    /// terminal emulator.
    @Suite(.enabled(if: ConsoleScript.isUsable, "needs python3 with pexpect, bash and tmux: make test installs them"))
    struct ConsoleSessionTests {
        @Test(arguments: ConsoleScript.cases)
        func `run on a terminal`(name: String) throws {
            let bundle = try Bundle.writable()
            try ConsoleScript.run(name, on: bundle)
        }

        @Test(arguments: ConsoleScript.cases.filter { !$0.contains("configured") })
        func `exec on a terminal`(name: String) throws {
            let bundle = try Bundle.writable()
            try ConsoleScript.run(name, on: bundle, environment: ["CONSOLE_EXEC=1"])
        }

        @Test func `every case of the script is here`() throws {
            let outcome = try ConsoleScript.command(["", "", "", "", "list"]).run().ok()
            #expect(outcome.output.split(separator: "\n").map(String.init).sorted() == ConsoleScript.cases.sorted())
        }
    }
}

extension Bundle {
    fileprivate static func writable() throws -> Bundle {
        let bundle = try minimal { $0.root.readonly = false }
        try bundle.save()
        return bundle
    }
}

/// `Tests/Console/console.py`.
private enum ConsoleScript {
    static let path = Files.parent(of: Files.parent(of: #filePath)) + "/Console/console.py"

    static let isUsable = Host.pythonHas("pexpect") && Host.has("bash") && Host.has("tmux")

    static func command(_ arguments: [String]) throws -> Command {
        guard let workspace = Workspace.current, let python = Host.python else { throw HarnessError("no python3") }
        return workspace.command([python, path] + arguments, environment: ["TERM=xterm", "LC_ALL=C.UTF-8"])
    }

    /// Runs a case with a bundle that is saved already.
    static func run(_ name: String, on bundle: Bundle, environment: [String] = []) throws {
        var command = try command([bundle.runtime.path, bundle.workspace.root, bundle.directory, bundle.id, name])
        command.environment += environment
        let outcome = try command.run(limit: 240)
        #expect(outcome.succeeded, "\(outcome)")
    }

    static let cases = [
        "the_size_is_there_from_the_first_instruction_on",
        "a_new_size_is_told_to_the_program",
        "the_configured_size_holds_where_the_caller_has_no_terminal",
        "the_size_of_the_callers_terminal_counts_more_than_the_configured_one",
        "the_size_comes_from_standard_output_where_the_input_is_piped",
        "the_terminal_is_restored_after_a_normal_end",
        "the_terminal_is_restored_after_an_exit_status",
        "the_terminal_is_restored_when_the_container_is_killed",
        "the_terminal_is_restored_when_the_command_gets_TERM",
        "the_terminal_is_restored_when_the_command_gets_INT",
        "the_terminal_is_restored_when_the_command_gets_HUP",
        "the_terminal_is_restored_when_the_container_is_deleted_from_elsewhere",
        "the_terminal_is_restored_when_the_program_cannot_be_started",
        "control_C_goes_to_the_container",
        "control_Z_goes_to_the_container",
        "every_byte_goes_through_as_it_is",
        "every_printed_byte_goes_through_as_it_is",
        "a_full_screen_program_draws_where_it_means_to",
        "started_in_the_background_it_stops_until_it_is_brought_to_the_foreground",
        "stopped_by_TSTP_and_continued_it_takes_the_terminal_again",
        "stopped_by_STOP_and_continued_it_takes_the_terminal_again",
        "continued_in_the_background_it_prints_and_stops_when_it_wants_the_terminal",
        "killed_while_stopped_it_leaves_the_shell_its_terminal",
        "the_end_of_piped_input_reaches_the_program",
        "the_end_of_piped_input_comes_after_an_unfinished_line_too",
        "an_interactive_shell_ends_with_its_piped_input",
        "every_reader_finds_the_end_of_piped_input",
        "output_after_the_end_of_piped_input_is_not_lost",
        "input_from_the_null_device_is_at_its_end",
        "input_that_was_closed_is_at_its_end",
        "output_may_be_a_file",
        "large_output_arrives_whole_on_a_terminal",
        "large_output_arrives_whole_at_a_slow_reader",
        "large_input_arrives_whole",
        "large_amounts_go_both_ways_at_once",
        "a_program_that_reads_nothing_and_echoes_everything_blocks_nobody",
        "signals_are_passed_on_while_nobody_reads_the_output",
        "a_reader_that_never_reads_does_not_make_it_unkillable",
        "what_is_printed_right_before_the_end_is_not_lost",
        "descriptors_that_wait_go_on_waiting_and_others_do_not",
        "a_terminal_that_does_not_wait_is_left_so",
        "a_reader_that_goes_away_takes_the_terminal_with_it",
        "a_reader_that_goes_away_does_not_end_who_does_not_mind",
        "the_container_is_hung_up_on_with_the_callers_terminal",
        "a_shell_ends_with_the_callers_terminal",
        "a_program_that_closes_its_terminal_costs_nothing_and_may_open_it_again",
        "processes_left_behind_do_not_keep_the_command_waiting",
    ]
}
