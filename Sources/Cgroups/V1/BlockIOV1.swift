internal import Kernel
internal import OCI

/// The blkio controller of cgroup v1 (Documentation/admin-guide/cgroup-v1/blkio-controller.rst): weights for the BFQ
/// scheduler, or CFQ before Linux 5.0, and throttling.
enum BlockIOV1 {
    static func set(_ blockIO: Resources.BlockIO, _ files: inout ControlFiles) throws(CgroupError) {
        if let weight = blockIO.weight {
            try writeWeight("\(weight)", "blkio.bfq.weight", "blkio.weight", "blockIO.weight", files)
        }
        if let weight = blockIO.leafWeight {
            try files.write("\(weight)", to: "blkio.leaf_weight", "blockIO.leafWeight")
        }
        for (index, device) in blockIO.weightDevice.enumerated() {
            try setWeights(of: device, "blockIO.weightDevice[\(index)]", files)
        }
        try setThrottles(blockIO, files)
    }

    private static func setWeights(
        of device: Resources.WeightDevice, _ name: String, _ files: ControlFiles
    ) throws(CgroupError) {
        let number = "\(device.major):\(device.minor)"
        if let weight = device.weight, weight != 0 {
            try writeWeight(
                "\(number) \(weight)", "blkio.bfq.weight_device", "blkio.weight_device", "\(name).weight", files)
        }
        if let weight = device.leafWeight, weight != 0 {
            try files.write("\(number) \(weight)", to: "blkio.leaf_weight_device", "\(name).leafWeight")
        }
    }

    private static func writeWeight(
        _ value: String, _ bfq: String, _ cfq: String, _ name: String, _ files: ControlFiles
    ) throws(CgroupError) {
        let setting = ControlFiles.Setting(files.exists(bfq) ? bfq : cfq, value, name)
        try files.write(setting) { error in
            error.errno == .notSupported ? "the scheduler of the device knows no weights" : ""
        }
    }

    private static func setThrottles(_ blockIO: Resources.BlockIO, _ files: ControlFiles) throws(CgroupError) {
        let lists: [(devices: [Resources.ThrottleDevice], file: String, name: String)] = [
            (blockIO.throttleReadBpsDevice, "blkio.throttle.read_bps_device", "throttleReadBpsDevice"),
            (blockIO.throttleWriteBpsDevice, "blkio.throttle.write_bps_device", "throttleWriteBpsDevice"),
            (blockIO.throttleReadIOPSDevice, "blkio.throttle.read_iops_device", "throttleReadIOPSDevice"),
            (blockIO.throttleWriteIOPSDevice, "blkio.throttle.write_iops_device", "throttleWriteIOPSDevice"),
        ]
        for list in lists {
            for (index, device) in list.devices.enumerated() {
                // A rate of 0 lifts the limit.
                try files.write(
                    "\(device.major):\(device.minor) \(device.rate)", to: list.file, "blockIO.\(list.name)[\(index)]")
            }
        }
    }
}
