import Foundation
import InitRunner

/// A directory for apus-init to look at, which is run as nobody where the tests are root's.
final class Scratch {
    let path: String

    init() throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "apus-\(UUID().uuidString)")
        path = directory.path(percentEncoded: false)
        try makeDirectory("")
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The path of a file in here.
    subscript(name: String) -> String { name.isEmpty ? path : "\(path)/\(name)" }

    /// Everybody may change it; it belongs to whom apus-init runs as.
    @discardableResult
    func makeDirectory(_ name: String) throws -> String {
        try FileManager.default.createDirectory(atPath: self[name], withIntermediateDirectories: true)
        try give(name, mode: 0o777)
        return self[name]
    }

    @discardableResult
    func write(_ text: String, to name: String, mode: mode_t = 0o644) throws -> String {
        try Data(text.utf8).write(to: URL(filePath: self[name]))
        try give(name, mode: mode)
        return self[name]
    }

    /// A program that ends with a status.
    func makeProgram(_ name: String, ending status: Int, mode: mode_t = 0o755) throws {
        let text = Array("#!/bin/sh\nexit \(status)\n".utf8)
        let result = text.withUnsafeBytes { init_runner_write_program(self[name], $0.baseAddress, $0.count, mode) }
        guard result == 0 else { throw POSIXError(.init(rawValue: -result) ?? .EIO) }
    }

    @discardableResult
    func makeFIFO(_ name: String) throws -> String {
        guard mkfifo(self[name], 0o666) == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
        try give(name, mode: 0o666)
        return self[name]
    }

    func makeLink(_ name: String, to target: String) throws {
        let nobody: uid_t = 65534
        guard symlink(target, self[name]) == 0, geteuid() != 0 || lchown(self[name], nobody, nobody) == 0 else {
            throw POSIXError(.init(rawValue: errno) ?? .EIO)
        }
    }

    /// Makes a file as long as this without writing it.
    func extend(_ name: String, to size: Int) throws {
        guard truncate(self[name], size) == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
    }

    private func give(_ name: String, mode: mode_t) throws {
        let nobody: uid_t = 65534
        guard chmod(self[name], mode) == 0, geteuid() != 0 || chown(self[name], nobody, nobody) == 0 else {
            throw POSIXError(.init(rawValue: errno) ?? .EIO)
        }
    }
}
