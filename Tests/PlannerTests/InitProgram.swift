import InitImage
import InitProtocol
import InitRunner
import Testing

/// apus-init as the build made it, ready to be run on any plan.
final class InitProgram {
    private var runner = init_runner()

    /// The image, byte by byte.
    static let image: [UInt8] = InitImage.words.withUnsafeBytes { Array($0.prefix(InitImage.size)) }

    /// - Parameter answers: what the host has said already to meetings to come; nil: there is no host any more, and
    ///   the process ends where it would meet it or leave it behind.
    init(answers: UInt32? = nil) throws {
        let result = Self.image.withUnsafeBytes { init_runner_open(&runner, $0.baseAddress, $0.count, answers != nil) }
        try #require(result == 0)
        if let answers { try #require(init_runner_answer(&runner, answers) == 0) }
    }

    deinit { init_runner_close(&runner) }

    func run(_ plan: [UInt8]) throws -> Outcome {
        var run = init_run()
        let result = plan.withUnsafeBytes { init_runner_run(&runner, $0.baseAddress, $0.count, &run) }
        try #require(result == 0)
        return Outcome(run)
    }

    func run(_ blob: Blob) throws -> Outcome { try run(blob.bytes) }
}

/// How apus-init ended on a plan.
struct Outcome: Equatable, CustomStringConvertible {
    enum End: Equatable {
        case exited(Int32)
        case killed(signal: Int32)
        case timedOut
    }

    let end: End
    let phase: apus_phase?
    let step: Int
    let errno: Int32

    init(_ run: init_run) {
        end = run.timed_out ? .timedOut : run.signal != 0 ? .killed(signal: run.signal) : .exited(run.exit_status)
        phase = apus_phase(rawValue: run.report.phase)
        step = Int(run.report.step)
        errno = run.report.error
    }

    /// Refused before the first effect: nothing was reported.
    var isRefused: Bool { end == .exited(125) && phase == .APUS_PHASE_STARTING }

    /// Ended by itself, because of a step or at the end of them.
    var isOrderly: Bool { isRefused || end == .exited(1) }

    /// The program was executed, and ended with this status.
    func executed(_ status: Int32) -> Bool { end == .exited(status) && phase == .APUS_PHASE_EXECUTING }

    func failed(at step: Int, _ errno: Int32) -> Bool {
        end == .exited(1) && phase == .APUS_PHASE_FAILED && self.step == step && self.errno == errno
    }

    var description: String { "\(end), phase \(phase?.rawValue ?? 99), step \(step), errno \(errno)" }
}
