/// What an image says of a process's memory (`pagemap-PID.img`): how much of it a file of pages holds.
public struct PageMap: Sendable, Equatable {
    /// The number in the name of the file, `pages-NUMBER.img`.
    public let file: UInt64
    /// How many pages are in there.
    public let pages: UInt64

    /// Reads an image: two numbers that say what it is, then messages, each behind its length in four bytes.
    ///
    /// - Returns: nil if it is none, or ends in the middle. CRIU will say so itself.
    public init?(_ image: [UInt8]) {
        guard var messages = Self.messages(in: image), !messages.isEmpty else { return nil }
        var file: UInt64?
        for field in Self.numbers(in: messages.removeFirst()) where field.0 == 1 { file = field.1 }
        guard let file else { return nil }
        var pages: UInt64 = 0
        for message in messages {
            var (count, flags): (UInt64, UInt64) = (0, 0)
            for (number, value) in Self.numbers(in: message) {
                switch number {
                // The second one since CRIU 4.1, where the first is too small.
                case 2, 5: count = max(count, value)
                case 4: flags = value
                default: break
                }
            }
            if flags & Self.isPresent != 0 { pages = pages.addingReportingOverflow(count).partialValue }
        }
        self.file = file
        self.pages = pages
    }

    /// PE_PRESENT: pages that are in the file, and neither in that of an earlier image nor fetched later.
    private static var isPresent: UInt64 { 4 }

    private static func messages(in image: [UInt8]) -> [[UInt8]]? {
        var messages: [[UInt8]] = []
        var position = 8
        while position < image.count {
            guard image.count - position >= 4 else { return nil }
            let length = (0..<4).reduce(0) { $0 | Int(image[position + $1]) << (8 * $1) }
            position += 4
            guard length <= image.count - position else { return nil }
            messages.append(Array(image[position..<position + length]))
            position += length
        }
        return messages
    }

    private static func numbers(in message: [UInt8]) -> [(UInt32, UInt64)] {
        var reader = WireReader(message)
        var found: [(UInt32, UInt64)] = []
        while let field = (try? reader.next()).flatMap({ $0 }) {
            if let number = field.value.number { found.append((field.field, number)) }
        }
        return found
    }
}
