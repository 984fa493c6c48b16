import FuzzSupport

// What CRIU says and writes, and what lies beside its images.
@testable import Checkpoint
@testable import Runtime

/// One answer of CRIU's, its log, and the files that a restore reads.
func fuzzCriu(_ bytes: [UInt8]) {
    if let response = try? CriuResponse(decoding: bytes) {
        require(response.version.map { $0.major >= 0 && $0.minor >= 0 } ?? true, "a version below zero")
    }
    if let cause = LogCause.find(in: bytes) {
        require(cause.sentence.utf8.count < 1000, "a long sentence")
        require(cause.sentence.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }, "a sentence with control characters")
    }
    if let pages = PageMap(bytes) { require(pages == PageMap(bytes), "a map that changes") }
    let table = MountTable(bytes)
    for entry in table.lines { require(table[entry.id] != nil, "a mount without an id") }
    for stream in StandardDescriptors.inherited(bytes) {
        require((0..<3).contains(stream.number), "a stream that is none")
        require(stream.name.utf8.count < 64, "a long name")
    }
}
