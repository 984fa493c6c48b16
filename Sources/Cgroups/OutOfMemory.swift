internal import Kernel

extension Cgroup {
    /// How many processes of the cgroup the kernel has killed for want of memory; nil if nobody counts.
    public func oomKills() -> UInt64? {
        if let directory = v1("memory") { return value(of: "oom_kill", in: "\(directory)/memory.oom_control") }  // 4.13
        return unified.flatMap { value(of: "oom_kill", in: "\($0)/memory.events") }
    }

    /// Whether the kernel has killed a process of the cgroup for want of memory.
    public func hasRunOutOfMemory() -> Bool { (oomKills() ?? 0) > 0 }

    /// The number after a word at the beginning of a line.
    private func value(of key: String, in file: String) -> UInt64? {
        // Without the file, or with a directory that is gone, the answer is that nobody counts.
        guard let bytes = try? Files.readOnce(file) else { return nil }
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let words = line.split(separator: UInt8(ascii: " "))
            if words.count == 2, words[0].elementsEqual(key.utf8) {
                return UInt64(String(decoding: words[1], as: UTF8.self))
            }
        }
        return nil
    }
}
