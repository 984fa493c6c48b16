// embed-init CLANG SOURCES INCLUDE OUTPUT [OPTION...]
//
// A build tool: compiles the freestanding apus-init with CLANG and its OPTIONs, and writes it to OUTPUT as a Swift
// constant.
import Foundation

struct Failure: Error, CustomStringConvertible {
    let description: String
}

func compile(clang: String, sources: URL, include: String, options: [String], to elf: URL) throws {
    let units = try FileManager.default.contentsOfDirectory(at: sources, includingPropertiesForKeys: nil)
        .filter { $0.pathExtension == "c" }.map { $0.path }.sorted()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: clang)
    process.arguments =
        [
            "-std=gnu17", "-Os", "-nostdlib", "-ffreestanding",
            // Position-independent, so that it lies at a random address. Nobody relocates it: it may hold no address as
            // data, and ImageTests look whether it does.
            "-static-pie", "-fpie", "-Wl,-z,text", "-Wl,-z,rodynamic", "-Wl,--no-dynamic-linker",
            // The guard is a variable, which start.c sets: there is no thread block for it.
            "-fstack-protector-strong", "-mstack-protector-guard=global", "-fdirect-access-external-data",
            "-fno-asynchronous-unwind-tables", "-fno-unwind-tables", "-fomit-frame-pointer",
            "-Wall", "-Wextra", "-Werror", "-Wswitch-enum", "-Wno-unused-parameter", "-fuse-ld=lld",
            // The only data are .bss: nothing is writable that could be made read-only (RELRO).
            "-fno-ident", "-Wl,--build-id=none", "-Wl,-z,noseparate-code", "-Wl,-z,norelro", "-Wl,-z,stack-size=65536",
            "-Wl,--gc-sections", "-Wl,-s",
            "-I", include, "-o", elf.path,
        ] + options + units
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
        throw Failure(description: "clang failed to compile apus-init (status \(process.terminationStatus))")
    }
}

/// The bytes as 64-bit little-endian words: a literal of words compiles eight times faster than one of bytes.
func literal(_ image: Data) -> String {
    var padded = [UInt8](image)
    padded += [UInt8](repeating: 0, count: (8 - padded.count % 8) % 8)
    let words = stride(from: 0, to: padded.count, by: 8).map { start in
        let word = padded[start..<start + 8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return "0x" + String(word, radix: 16)
    }
    let lines = stride(from: 0, to: words.count, by: 6).map {
        words[$0..<min($0 + 6, words.count)].joined(separator: ", ")
    }
    return """
        // Generated from Sources/apus-init by embed-init.
        let initImageSize = \(image.count)
        let initImageWords: [UInt64] = [
        \(lines.joined(separator: ",\n"))
        ]

        """
}

let arguments = CommandLine.arguments
do {
    guard arguments.count >= 5 else {
        throw Failure(description: "usage: embed-init CLANG SOURCES INCLUDE OUTPUT [OPTION...]")
    }
    let output = URL(fileURLWithPath: arguments[4])
    let elf = output.deletingLastPathComponent().appendingPathComponent("apus-init")
    try compile(
        clang: arguments[1], sources: URL(fileURLWithPath: arguments[2]), include: arguments[3],
        options: Array(arguments.dropFirst(5)), to: elf)
    let text = try literal(Data(contentsOf: elf))
    // What says the same stays untouched: nothing is compiled again.
    if (try? String(contentsOf: output, encoding: .utf8)) != text {
        try text.write(to: output, atomically: true, encoding: .utf8)
    }
} catch {
    FileHandle.standardError.write(Data("embed-init: \(error)\n".utf8))
    exit(1)
}
