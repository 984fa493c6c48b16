internal import Kernel
internal import OCI

/// Where this host has the devices of a configuration, for a container that has to be given the host's.
enum DevicePaths {
    /// The paths of those that the host has elsewhere than the container is to have them, by index.
    static func find(_ devices: [Device]) -> [Int: String] {
        var paths: [Int: String] = [:]
        for (index, device) in devices.enumerated() where device.kind != .fifo && !isThere(device, device.path) {
            if let path = path(of: device), isThere(device, path) { paths[index] = path }
        }
        return paths
    }

    private static func isThere(_ device: Device, _ path: String) -> Bool {
        guard let status = try? Files.status(path, follow: true) else { return false }
        return status.kind == (device.kind == .block ? .blockDevice : .characterDevice)
            && status.deviceNumbers == (device.major, device.minor)
    }

    /// What the kernel calls a device (`DEVNAME` of its uevent file in sysfs), below /dev.
    private static func path(of device: Device) -> String? {
        let kind = device.kind == .block ? "block" : "char"
        guard let text = try? Files.readText("/sys/dev/\(kind)/\(device.major):\(device.minor)/uevent") else {
            return nil
        }
        let key = "DEVNAME="
        guard let line = text.components(between: "\n").first(where: { $0.begins(with: key) }) else { return nil }
        return "/dev/" + String(decoding: line.utf8.dropFirst(key.utf8.count), as: UTF8.self)
    }
}
