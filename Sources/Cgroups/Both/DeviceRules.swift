internal import OCI

/// The device rules of a container, whatever version enforces them.
enum DeviceRules {
    /// The rules of a configuration, and after them those that every container gets, as in runc: it may make any
    /// device node (opening it is another matter) and use the devices that any `/dev` has.
    static func complete(_ rules: [Resources.DeviceRule]) -> [Resources.DeviceRule] { rules + standard }

    static var standard: [Resources.DeviceRule] {
        [
            Resources.DeviceRule(allow: true, kind: .character, access: .mknod),
            Resources.DeviceRule(allow: true, kind: .block, access: .mknod),
            character(1, 3),  // null
            character(1, 5),  // zero
            character(1, 7),  // full
            character(1, 8),  // random
            character(1, 9),  // urandom
            character(5, 0),  // tty
            character(5, 2),  // ptmx
            character(10, 200),  // net/tun
            character(136, nil),  // pts/*
        ]
    }

    private static func character(_ major: UInt32, _ minor: UInt32?) -> Resources.DeviceRule {
        Resources.DeviceRule(allow: true, kind: .character, major: major, minor: minor)
    }
}

extension Resources.DeviceRule {
    /// Whether the rule concerns every device and every access.
    var isTotal: Bool { kind == .all && major == nil && minor == nil && access == .all }
}
