internal import Kernel
internal import OCI

/// The io controller of cgroup v2 (Documentation/admin-guide/cgroup-v2.rst): weights for the BFQ scheduler or the cost
/// model, and throttling.
enum IOV2 {
    static func set(_ blockIO: Resources.BlockIO, _ files: inout ControlFiles) throws(CgroupError) {
        if let weight = blockIO.weight { try setWeight(weight, "", "blockIO.weight", files) }
        if blockIO.leafWeight != nil { files.note("blockIO.leafWeight", "cgroup v2 has no leaf weights") }
        for (index, device) in blockIO.weightDevice.enumerated() {
            let name = "blockIO.weightDevice[\(index)]"
            if let weight = device.weight, weight != 0 {
                try setWeight(weight, "\(device.major):\(device.minor) ", "\(name).weight", files)
            }
            if (device.leafWeight ?? 0) != 0 { files.note("\(name).leafWeight", "cgroup v2 has no leaf weights") }
        }
        try setThrottles(blockIO, files)
    }

    /// BFQ knows the weights of cgroup v1; without it they are spread over a wider range.
    private static func setWeight(
        _ weight: UInt16, _ device: String, _ name: String, _ files: ControlFiles
    ) throws(CgroupError) {
        let hasBFQ = files.exists("io.bfq.weight")
        let value = hasBFQ ? "\(device)\(weight)" : "\(device)\(ioWeight(ofBlkio: weight))"
        let setting = ControlFiles.Setting(hasBFQ ? "io.bfq.weight" : "io.weight", value, name)
        try files.write(setting) { error in
            error.errno == .notSupported ? "the scheduler of the device knows no weights" : ""
        }
    }

    /// 10...1000 on a line to 1...10000; what is below 10 counts as 10.
    static func ioWeight(ofBlkio weight: UInt16) -> Int { 1 + (max(Int(weight), 10) - 10) * 9999 / 990 }

    private static func setThrottles(_ blockIO: Resources.BlockIO, _ files: ControlFiles) throws(CgroupError) {
        let lists: [(devices: [Resources.ThrottleDevice], key: String, name: String)] = [
            (blockIO.throttleReadBpsDevice, "rbps", "throttleReadBpsDevice"),
            (blockIO.throttleWriteBpsDevice, "wbps", "throttleWriteBpsDevice"),
            (blockIO.throttleReadIOPSDevice, "riops", "throttleReadIOPSDevice"),
            (blockIO.throttleWriteIOPSDevice, "wiops", "throttleWriteIOPSDevice"),
        ]
        for list in lists {
            for (index, device) in list.devices.enumerated() {
                // cgroup v1 lifts a limit with a 0, which cgroup v2 refuses.
                let rate = device.rate == 0 ? "max" : "\(device.rate)"
                try files.write(
                    "\(device.major):\(device.minor) \(list.key)=\(rate)", to: "io.max",
                    "blockIO.\(list.name)[\(index)]")
            }
        }
    }
}
