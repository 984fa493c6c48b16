internal import Kernel
internal import OCI

/// The memory controller of cgroup v1 (Documentation/admin-guide/cgroup-v1/memory.rst). Bytes; -1 is unlimited.
enum MemoryV1 {
    static func set(_ memory: Resources.Memory, _ files: inout ControlFiles) throws(CgroupError) {
        try setLimits(memory, files)
        if let reservation = memory.reservation {
            try files.write("\(reservation)", to: "memory.soft_limit_in_bytes", "memory.reservation")
        }
        if let buffers = memory.kernelTCP {
            if files.exists(tcpLimit) {
                try files.write("\(buffers)", to: tcpLimit, "memory.kernelTCP")
            } else {
                files.note("memory.kernelTCP", "this kernel does not limit TCP buffers by themselves")
            }
        }
        if let swappiness = memory.swappiness {
            try files.write("\(swappiness)", to: "memory.swappiness", "memory.swappiness")
        }
        if let disable = memory.disableOOMKiller, disable || !files.isNew {
            try files.write(disable ? "1" : "0", to: "memory.oom_control", "memory.disableOOMKiller")
        }
    }

    /// Of the memory in buffers of TCP sockets.
    private static let tcpLimit = "memory.kmem.tcp.limit_in_bytes"

    /// The limit, and the limit of memory and swap together, which is never the lower one.
    private static func setLimits(_ memory: Resources.Memory, _ files: ControlFiles) throws(CgroupError) {
        var settings: [ControlFiles.Setting] = []
        if let limit = memory.limit {
            settings.append(ControlFiles.Setting("memory.limit_in_bytes", "\(limit)", "memory.limit"))
        }
        if let swap = memory.swap {
            settings.append(ControlFiles.Setting("memory.memsw.limit_in_bytes", "\(swap)", "memory.swap"))
        } else if memory.limit == -1, !files.isNew, files.exists("memory.memsw.limit_in_bytes") {
            // Unlimited memory is not to be held up by a limit of both that nobody asked for any more.
            settings.append(ControlFiles.Setting("memory.memsw.limit_in_bytes", "-1", "memory.limit"))
        }
        try files.writeInFittingOrder(settings) { error in hint(error, files) }
    }

    /// The kernel shows PAGE_COUNTER_MAX pages, which is more than this, where there is no limit.
    private static let noLimit: Int64 = 1 << 62

    private static func hint(_ error: SystemError, _ files: ControlFiles) -> String {
        switch error.errno {
        case .busy:
            guard let usage = files.number("memory.usage_in_bytes") else { return "" }
            let peak = files.number("memory.max_usage_in_bytes") ?? usage
            return "current usage: \(usage), peak usage: \(peak)"
        case .invalidArgument:
            guard let limit = files.number("memory.limit_in_bytes"),
                let both = files.number("memory.memsw.limit_in_bytes")
            else { return "" }
            if limit >= noLimit { return "memory with swap cannot be limited without a limit on memory" }
            return "memory with swap must not be less than memory alone: now \(both) and \(limit)"
        default: return ""
        }
    }
}
