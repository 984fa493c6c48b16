import Foundation
import Glibc
import Kernel
import Launch
import Planner
import Testing

/// What `start` takes from a gate. In a pid namespace that it shares, another process may speak there.
@Suite struct GateTests {
    private static func message(_ meeting: UInt32, value: Int32 = 0) -> [UInt8] {
        withUnsafeBytes(of: meeting.littleEndian) { Array($0) } + withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }

    /// A memory file that can be told by what is in it.
    private static func file(_ text: String) throws -> Descriptor {
        let file = try Descriptor.memoryFile("test")
        try file.write(Array(text.utf8))
        return file
    }

    private static func send(_ text: String, with bytes: [UInt8], to connection: borrowing Descriptor) throws {
        let file = try file(text)
        try connection.send(bytes, descriptors: [file.number])
        // Open until it has been sent.
        _ = file.number
    }

    /// The listener that somebody at a gate hands over, after the hello and other messages.
    private func listener(
        _ speak: @escaping @Sendable (_ connection: borrowing Descriptor) throws -> Void
    ) throws -> String? {
        let path = FileManager.default.temporaryDirectory.appending(path: "apus-gate-\(UUID().uuidString)").path
        defer { unlink(path) }
        let socket = try Descriptor.listening(at: path, .sequencedPackets)
        let number = socket.number
        let page = try Descriptor.memoryFile("report")
        try page.truncate(to: 4096)
        try page.sealSize()
        let plan = try Self.file("plan")
        try plan.seal()
        let numbers = [page.number, plan.number]
        let isOver = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            let connection = Descriptor(owning: accept(number, nil, nil))
            do {
                try connection.send(Self.message(Meeting.ready.code), descriptors: numbers)
                try speak(connection)
            } catch {
                Issue.record("\(error)")
                return
            }
            // It stays there until the other side has heard it.
            isOver.wait()
            _ = connection.number
        }
        defer {
            isOver.signal()
            _ = (socket.number, page.number, plan.number)
        }
        let gate = try Gate(at: path)
        guard let found = try gate.nextListener() else { return nil }
        let descriptor = Descriptor(owning: found)
        return String(decoding: try descriptor.reread(), as: UTF8.self)
    }

    @Test func `a listener is taken from the meeting that is about it`() throws {
        let taken = try listener { connection in
            try Self.send("right", with: Self.message(Meeting.listener.code), to: connection)
        }
        #expect(taken == "right")
    }

    @Test(arguments: Meeting.allCases.filter { $0 != .listener }.map(\.code) + [0, 4711, .max])
    func `a descriptor that comes with another meeting is nobody's`(meeting: UInt32) throws {
        let taken = try listener { connection in
            try Self.send("wrong", with: Self.message(meeting), to: connection)
            try Self.send("wrong", with: [1, 2, 3], to: connection)
            try Self.send("right", with: Self.message(Meeting.listener.code), to: connection)
        }
        #expect(taken == "right")
    }

    @Test func `the meeting without a listener is an error`() throws {
        #expect(throws: LaunchError.self) {
            try listener { connection in try connection.send(Self.message(Meeting.listener.code)) }
        }
    }
}
