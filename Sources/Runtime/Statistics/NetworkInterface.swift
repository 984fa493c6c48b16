internal import Kernel

/// What the kernel has counted for one network interface (proc_pid_net(5), `dev`).
struct NetworkInterface: Equatable {
    let name: String
    let receivedBytes: UInt64
    let receivedPackets: UInt64
    let receiveErrors: UInt64
    let receiveDrops: UInt64
    let sentBytes: UInt64
    let sentPackets: UInt64
    let sendErrors: UInt64
    let sendDrops: UInt64

    /// `eth0: 906 9 0 0 0 0 0 0 516 6 0 0 0 0 0 0`; nil for a line that is none.
    init?(line: Substring) {
        guard let colon = line.lastIndex(of: ":") else { return nil }
        let numbers = line[line.index(after: colon)...].split(separator: " ").compactMap { UInt64($0) }
        guard numbers.count >= 12 else { return nil }
        name = String(line[..<colon].drop { $0 == " " })
        (receivedBytes, receivedPackets, receiveErrors, receiveDrops) = (numbers[0], numbers[1], numbers[2], numbers[3])
        (sentBytes, sentPackets, sendErrors, sendDrops) = (numbers[8], numbers[9], numbers[10], numbers[11])
    }

    /// The interfaces of a process that is in a network namespace of its own, but for loopback; none if it shares the
    /// caller's.
    static func all(of pid: Int32) -> [NetworkInterface] {
        // A process that is ending has none any more.
        guard let own = try? Files.readLink("/proc/self/ns/net"), let its = try? Files.readLink("/proc/\(pid)/ns/net"),
            own != its, let text = try? Files.readText("/proc/\(pid)/net/dev")
        else { return [] }
        return text.split(separator: "\n").compactMap { NetworkInterface(line: $0) }.filter { $0.name != "lo" }
    }
}
