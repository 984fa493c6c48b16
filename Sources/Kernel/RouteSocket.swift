internal import CKernel

/// A network device (netdevice(7)).
public struct NetworkLink: Sendable, Equatable {
    public var index: Int32
    public var name: String
    /// IFF_UP: packets may pass.
    public var isUp: Bool
}

/// An address of a network device, as the kernel gives it, so that it can be given to the same device elsewhere.
public struct NetworkAddress: Sendable, Equatable {
    /// AF_INET or AF_INET6.
    fileprivate var family: UInt8
    fileprivate var prefixLength: UInt8
    /// IFA_F_*.
    fileprivate var flags: UInt32
    /// IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST, IFA_RT_PRIORITY and IFA_PROTO with their values.
    fileprivate var attributes: [(kind: UInt16, value: [UInt8])]

    public static func == (left: NetworkAddress, right: NetworkAddress) -> Bool {
        left.family == right.family && left.prefixLength == right.prefixLength && left.flags == right.flags
            && left.attributes.elementsEqual(right.attributes) { $0.kind == $1.kind && $0.value == $1.value }
    }
}

/// What is asked of the network devices of one network namespace (rtnetlink(7)), whichever one the caller is in.
public struct RouteSocket: ~Copyable {
    private let socket: Descriptor

    /// For the namespace that the caller is in.
    public init() throws(SystemError) {
        socket = Descriptor(owning: try check(ck_route_socket(-1), "socket", "NETLINK_ROUTE"))
    }

    /// For another one, given by a borrowed descriptor of nsfs: takes CAP_SYS_ADMIN in its user namespace.
    public init(in namespace: borrowing Descriptor) throws(SystemError) {
        socket = Descriptor(owning: try check(ck_route_socket(namespace.number), "setns", "network namespace"))
    }

    // MARK: Devices

    /// The device of that name; nil: there is none.
    public borrowing func link(named name: String) throws(SystemError) -> NetworkLink? {
        var request = RouteMessage(Kind.getLink, flags: 0)
        request.append(RouteSocket.linkHeader(0))
        request.append(Attribute.name, text: name)
        do { return try ask(request, name).lazy.compactMap { RouteSocket.link($0) }.first } catch {
            if error.errno == .noDevice { return nil }
            throw error
        }
    }

    public borrowing func links() throws(SystemError) -> [NetworkLink] {
        var request = RouteMessage(Kind.getLink, flags: Flag.dump)
        request.append(RouteSocket.linkHeader(0))
        return try ask(request, "").compactMap { RouteSocket.link($0) }
    }

    /// Moves a device into another namespace, where it is down and has no addresses.
    ///
    /// - Parameters:
    ///   - link: the device.
    ///   - namespace: a network namespace.
    ///   - name: its name there; `%d` in it becomes the first number that makes it unique.
    /// - Throws: EEXIST: there is one of that name; EINVAL: one that cannot be moved, such as `lo`.
    public borrowing func move(
        _ link: NetworkLink, to namespace: borrowing Descriptor, as name: String
    ) throws(SystemError) {
        var request = RouteMessage(Kind.setLink, flags: Flag.acknowledge)
        request.append(RouteSocket.linkHeader(link.index))
        request.append(Attribute.namespaceDescriptor, number: UInt32(bitPattern: namespace.number))
        request.append(Attribute.name, text: name)
        _ = try ask(request, link.name)
    }

    public borrowing func bringUp(_ link: NetworkLink) throws(SystemError) {
        var request = RouteMessage(Kind.setLink, flags: Flag.acknowledge)
        request.append(RouteSocket.linkHeader(link.index, isUp: true))
        _ = try ask(request, link.name)
    }

    // MARK: Addresses

    /// The addresses of a device that are there for good and valid everywhere (IFA_F_PERMANENT, RT_SCOPE_UNIVERSE).
    public borrowing func lastingAddresses(of link: NetworkLink) throws(SystemError) -> [NetworkAddress] {
        var request = RouteMessage(Kind.getAddress, flags: Flag.dump)
        request.append([UInt8](repeating: 0, count: 8))  // struct ifaddrmsg: of any family
        return try ask(request, link.name).compactMap { RouteSocket.address($0, of: link.index) }
    }

    public borrowing func add(_ address: NetworkAddress, to link: NetworkLink) throws(SystemError) {
        var request = RouteMessage(Kind.newAddress, flags: Flag.acknowledge | Flag.create | Flag.exclusive)
        request.append([address.family, address.prefixLength, 0, 0])
        request.append(link.index)
        // What tells of the past of the address on its old place is left out.
        request.append(Attribute.addressFlags, number: address.flags & AddressFlag.asked)
        for (kind, value) in address.attributes { request.append(kind, value) }
        _ = try ask(request, link.name)
    }

    // MARK: Messages

    private enum Kind {
        static let error: UInt16 = 2, done: UInt16 = 3
        static let newLink: UInt16 = 16, getLink: UInt16 = 18, setLink: UInt16 = 19
        static let newAddress: UInt16 = 20, getAddress: UInt16 = 22
    }

    private enum Flag {
        static let request: UInt16 = 0x01, acknowledge: UInt16 = 0x04, dump: UInt16 = 0x300
        static let exclusive: UInt16 = 0x200, create: UInt16 = 0x400
    }

    private enum Attribute {
        static let name: UInt16 = 3, namespaceDescriptor: UInt16 = 28  // IFLA_IFNAME, IFLA_NET_NS_FD
        static let addressFlags: UInt16 = 8  // IFA_FLAGS
        /// IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST, IFA_RT_PRIORITY, IFA_PROTO.
        static let keptOfAddress: [UInt16] = [1, 2, 4, 9, 11]
    }

    private enum AddressFlag {
        static let permanent: UInt32 = 0x80
        /// IFA_F_NODAD, IFA_F_HOMEADDRESS, IFA_F_MANAGETEMPADDR, IFA_F_NOPREFIXROUTE, IFA_F_MCAUTOJOIN.
        static let asked: UInt32 = 0x02 | 0x10 | 0x100 | 0x200 | 0x400
    }

    /// struct ifinfomsg.
    private static func linkHeader(_ index: Int32, isUp: Bool = false) -> [UInt8] {
        let flags: UInt32 = isUp ? 1 : 0
        return [0, 0, 0, 0] + bytes(of: index) + bytes(of: flags) + bytes(of: flags)
    }

    private static func link(_ message: RouteAnswer) -> NetworkLink? {
        guard message.kind == Kind.newLink, message.body.count >= 16,
            let name = attributes(message.body, from: 16).first(where: { $0.kind == Attribute.name })
        else { return nil }
        return NetworkLink(
            index: Int32(bitPattern: number(message.body, at: 4)),
            name: String(decoding: name.value.prefix { $0 != 0 }, as: UTF8.self), isUp: message.body[8] & 1 == 1)
    }

    private static func address(_ message: RouteAnswer, of index: Int32) -> NetworkAddress? {
        let body = message.body
        guard message.kind == Kind.newAddress, body.count >= 8, Int32(bitPattern: number(body, at: 4)) == index,
            body[3] == 0
        else { return nil }
        let all = attributes(body, from: 8)
        let long = all.first { $0.kind == Attribute.addressFlags && $0.value.count == 4 }
        let flags = long.map { number($0.value, at: 0) } ?? UInt32(body[2])
        guard flags & AddressFlag.permanent != 0 else { return nil }
        return NetworkAddress(
            family: body[0], prefixLength: body[1], flags: flags,
            attributes: all.filter { Attribute.keptOfAddress.contains($0.kind) })
    }

    /// Sends a request and collects the answers up to the last one.
    private borrowing func ask(_ request: RouteMessage, _ name: String) throws(SystemError) -> [RouteAnswer] {
        try socket.send(request.finished)
        var answers: [RouteAnswer] = []
        while true {
            let datagram = try socket.receive(atMost: 65536).bytes
            var rest = datagram[...]
            while let answer = RouteAnswer(takenFrom: &rest) {
                switch answer.kind {
                case Kind.done: return answers
                case Kind.error:
                    if let error = answer.error(name) { throw error }
                    return answers
                default:
                    answers.append(answer)
                    // What is asked of one thing has one answer, without an end.
                    if !request.isDump, !request.isAcknowledged { return answers }
                }
            }
            if datagram.isEmpty { throw SystemError("recvmsg", name, .badMessage) }
        }
    }

    private struct RouteMessage {
        private var bytes: [UInt8]
        private let flags: UInt16

        init(_ kind: UInt16, flags: UInt16) {
            self.flags = flags
            bytes = [0, 0, 0, 0] + RouteSocket.bytes(of: kind) + RouteSocket.bytes(of: flags | Flag.request)
            bytes += [1, 0, 0, 0, 0, 0, 0, 0]
        }

        var isDump: Bool { flags & Flag.dump == Flag.dump }
        var isAcknowledged: Bool { flags & Flag.acknowledge != 0 }

        mutating func append(_ header: [UInt8]) { bytes += header }
        mutating func append(_ number: Int32) { bytes += RouteSocket.bytes(of: number) }
        mutating func append(_ kind: UInt16, number: UInt32) { append(kind, RouteSocket.bytes(of: number)) }
        mutating func append(_ kind: UInt16, text: String) { append(kind, Array(text.utf8) + [0]) }

        mutating func append(_ kind: UInt16, _ value: [UInt8]) {
            bytes += RouteSocket.bytes(of: UInt16(4 + value.count)) + RouteSocket.bytes(of: kind) + value
            while bytes.count % 4 != 0 { bytes.append(0) }
        }

        /// With its size.
        var finished: [UInt8] { RouteSocket.bytes(of: UInt32(bytes.count)) + bytes[4...] }
    }

    private struct RouteAnswer {
        let kind: UInt16
        let body: [UInt8]

        /// nil at the end, or where something else follows.
        init?(takenFrom rest: inout ArraySlice<UInt8>) {
            let bytes = Array(rest.prefix(16))
            guard bytes.count == 16 else { return nil }
            let size = Int(RouteSocket.number(bytes, at: 0))
            guard size >= 16, size <= rest.count else { return nil }
            kind = UInt16(bytes[4]) | UInt16(bytes[5]) << 8
            body = Array(rest.dropFirst(16).prefix(size - 16))
            rest = rest.dropFirst((size + 3) & ~3)
        }

        /// Of an NLMSG_ERROR; nil: it says that all is well.
        func error(_ name: String) -> SystemError? {
            guard body.count >= 4 else { return SystemError("recvmsg", name, .badMessage) }
            let code = Int32(bitPattern: RouteSocket.number(body, at: 0))
            return code == 0 ? nil : SystemError("netlink", name, Errno(rawValue: -code))
        }
    }

    private static func attributes(_ body: [UInt8], from start: Int) -> [(kind: UInt16, value: [UInt8])] {
        var found: [(kind: UInt16, value: [UInt8])] = []
        var position = start
        while position + 4 <= body.count {
            let size = Int(body[position]) | Int(body[position + 1]) << 8
            guard size >= 4, position + size <= body.count else { break }
            // NLA_F_NESTED and NLA_F_NET_BYTEORDER are flags.
            let kind = (UInt16(body[position + 2]) | UInt16(body[position + 3]) << 8) & 0x3fff
            found.append((kind, Array(body[(position + 4)..<(position + size)])))
            position += (size + 3) & ~3
        }
        return found
    }

    private static func number(_ bytes: [UInt8], at offset: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) }
    }

    private static func bytes(of number: UInt16) -> [UInt8] { [UInt8(truncatingIfNeeded: number), UInt8(number >> 8)] }

    private static func bytes(of number: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: number >> UInt32(8 * $0)) }
    }

    private static func bytes(of number: Int32) -> [UInt8] { bytes(of: UInt32(bitPattern: number)) }
}
