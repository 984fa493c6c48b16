internal import InitProtocol
public import Kernel

/// What the report page says at one moment: where `apus-init` is, and how it failed.
public struct Report: Sendable {
    public enum Phase: Sendable, Equatable {
        case starting, running, waiting, executing, failed
    }

    public let phase: Phase
    /// Index of the last step that was begun.
    public let step: UInt32
    public let errno: Errno?
    public let hook: StepFailure.HookEnd?
    public let detail: String

    /// Reads the page.
    init(_ page: borrowing MappedFile) {
        let bytes = page.bytes(at: 0, count: MemoryLayout<apus_report>.size)
        let raw = unsafe bytes.withUnsafeBytes { unsafe $0.loadUnaligned(as: RawReport.self) }
        // Not as apus_phase: others may write here, and an enumeration of C takes any number for one of its own.
        phase =
            switch raw.phase {
            case apus_phase.APUS_PHASE_STARTING.rawValue: .starting
            case apus_phase.APUS_PHASE_RUNNING.rawValue: .running
            case apus_phase.APUS_PHASE_WAITING.rawValue: .waiting
            case apus_phase.APUS_PHASE_EXECUTING.rawValue: .executing
            default: .failed
            }
        step = raw.step
        errno = raw.error == 0 ? nil : Errno(rawValue: raw.error)
        hook =
            switch (raw.error, raw.exitCode) {
            case (Self.canceled, 1): .exited(raw.exitStatus)
            case (Self.canceled, _): .killed(raw.exitStatus)
            case (Self.timedOut, _): .timedOut
            default: nil
            }
        let start = MemoryLayout<RawReport>.size
        let length = min(Int(raw.detailLength), bytes.count - start)
        detail = String(decoding: bytes[start..<(start + length)], as: UTF8.self)
    }

    private static let canceled: Int32 = 125
    private static let timedOut: Int32 = 110

    /// struct apus_report without its text.
    private struct RawReport: BitwiseCopyable {
        var phase: UInt32
        var step: UInt32
        var error: Int32
        var exitCode: UInt32
        var exitStatus: Int32
        var detailLength: UInt32
    }
}
