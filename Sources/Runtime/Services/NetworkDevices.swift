internal import Kernel
internal import OCI

/// The network devices that a container is given (config-linux.md, "Network Devices").
///
/// When the container ends they are the kernel's: those of hardware go back to the first network namespace, under the name
/// that they have then, and others are no more (network_namespaces(7)).
struct NetworkDevices: ~Copyable {
    private struct Device {
        var field: String
        /// As it was on the host.
        var link: NetworkLink
        var addresses: [NetworkAddress]
        var name: String
        /// As it is in the container; nil: it is there, and how it is called is not known.
        var moved: NetworkLink?
    }

    private let outside: RouteSocket
    private let inside: RouteSocket
    private let host: Descriptor
    private var devices: [Device] = []

    private static let field = "linux.netDevices"

    /// Moves the devices with their lasting addresses, and brings them up. All of them, or none.
    static func move(
        _ asked: [NetDevice], into namespace: borrowing Descriptor
    ) throws(RuntimeError) -> NetworkDevices {
        var devices: NetworkDevices
        do { devices = try between(namespace) } catch { throw .system(error, field: field) }
        // Nothing moves before all can.
        for device in asked { try devices.find(device) }
        do throws(RuntimeError) {
            for index in devices.devices.indices { try devices.move(index, into: namespace) }
        } catch {
            _ = devices.giveBack()
            throw error
        }
        return devices
    }

    private static func between(_ namespace: borrowing Descriptor) throws(SystemError) -> NetworkDevices {
        let host = try Descriptor.open("/proc/self/ns/net", [])
        let outside = try RouteSocket()
        let inside = try RouteSocket(in: namespace)
        return NetworkDevices(outside: outside, inside: inside, host: host)
    }

    private init(outside: consuming RouteSocket, inside: consuming RouteSocket, host: consuming Descriptor) {
        self.outside = outside
        self.inside = inside
        self.host = host
    }

    private mutating func find(_ device: NetDevice) throws(RuntimeError) {
        let field = "\(Self.field)[\"\(device.hostName)\"]"
        let name = device.name ?? device.hostName
        do throws(SystemError) {
            guard let link = try outside.link(named: device.hostName) else {
                throw SystemError("netlink", device.hostName, .noDevice)
            }
            if !name.hasSuffix("%d"), try inside.link(named: name) != nil {
                throw SystemError("move network device to", name, .exists)
            }
            devices.append(
                Device(field: field, link: link, addresses: try outside.lastingAddresses(of: link), name: name))
        } catch {
            let hint =
                switch error.errno {
                case .noDevice: "`ip link` on the host lists its network devices"
                case .exists: "the container's network namespace has one of that name: give it another `name`"
                default: ""
                }
            throw .system(error, field: field, hint: hint)
        }
    }

    private mutating func move(_ index: Int, into namespace: borrowing Descriptor) throws(RuntimeError) {
        let device = devices[index]
        do throws(SystemError) {
            let before = device.name.hasSuffix("%d") ? try inside.links().map { $0.name } : []
            try outside.move(device.link, to: namespace, as: device.name)
            let moved = try linkInside(device, before)
            devices[index].moved = moved
            for address in device.addresses { try inside.add(address, to: moved) }
            try inside.bringUp(moved)
        } catch {
            let hint =
                switch error.errno {
                case .invalidArgument: "the kernel ties some network devices to their namespace, such as lo"
                case .notPermitted:
                    "moving a network device takes CAP_NET_ADMIN over it and in the container's namespace"
                default: ""
                }
            throw .system(error, field: device.field, hint: hint)
        }
    }

    private borrowing func linkInside(_ device: Device, _ before: [String]) throws(SystemError) -> NetworkLink {
        let found =
            device.name.hasSuffix("%d")
            ? try inside.links().first { link in
                link.name.hasPrefix(device.name.dropLast(2)) && !before.contains(link.name)
            } : try inside.link(named: device.name)
        guard let found else { throw SystemError("netlink", device.name, .noDevice) }
        return found
    }

    /// Makes the host as it was. Tells what could not be given back.
    borrowing func giveBack() -> [String] {
        var failures: [String] = []
        for device in devices.reversed() {
            guard let moved = device.moved else { continue }
            do throws(SystemError) {
                try inside.move(moved, to: host, as: device.link.name)
                guard let link = try outside.link(named: device.link.name) else { continue }
                for address in device.addresses { try outside.add(address, to: link) }
                if device.link.isUp { try outside.bringUp(link) }
            } catch {
                failures.append("\(device.field): \(error)")
            }
        }
        return failures
    }
}
