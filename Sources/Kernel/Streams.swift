internal import CKernel

/// Reading and writing descriptors that somebody else owns, such as 0, 1 and 2.
public enum Streams {
    /// At most 32 KiB that are there now; empty at the end.
    public static func read(_ number: Int32) throws(SystemError) -> [UInt8] {
        var failure = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 32_768) { buffer, count in
            let result = unsafe ck_read(number, buffer.baseAddress, 32_768)
            if result < 0 { failure = result } else { count = result }
        }
        _ = try check(failure, "read")
        return bytes
    }

    /// Everything up to the end; more than `limit` bytes are an error (EFBIG).
    public static func readAll(_ number: Int32, limit: Int = 16 << 20) throws(SystemError) -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let part = try read(number)
            if part.isEmpty { return bytes }
            bytes += part
            if bytes.count > limit { throw SystemError("read", number == 0 ? "standard input" : "", .fileTooLarge) }
        }
    }

    /// Writes once; returns how many bytes were taken.
    public static func write(_ bytes: [UInt8], to number: Int32) throws(SystemError) -> Int {
        try check(unsafe ck_write(number, bytes, bytes.count), "write")
    }

    /// Writes a short text, at once. Without an array in between it takes a third fewer page faults to say the version.
    public static func write(_ text: String, to number: Int32) throws(SystemError) {
        var text = text
        let (count, size) = text.withUTF8 { bytes in
            unsafe (ck_write(number, bytes.baseAddress, bytes.count), bytes.count)
        }
        guard try check(count, "write") == size else { throw SystemError("write", "", .noSpace) }
    }

    /// Writes all of it.
    public static func writeAll(_ bytes: [UInt8], to number: Int32) throws(SystemError) {
        var rest = bytes[...]
        while !rest.isEmpty { rest = rest.dropFirst(try write(Array(rest), to: number)) }
    }
}
