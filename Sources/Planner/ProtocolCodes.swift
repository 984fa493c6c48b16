internal import InitProtocol

// What stands for the values of a plan in its records.

extension Setting {
    /// FSCONFIG_* of linux/mount.h.
    var command: UInt32 {
        switch self {
        case .flag: 0
        case .text: 1
        case .create: 6
        case .reconfigure: 7
        }
    }

    var key: String {
        switch self {
        case .flag(let key), .text(let key, value: _): key
        case .create, .reconfigure: ""
        }
    }

    var value: String {
        if case .text(key: _, value: let value) = self { return value }
        return ""
    }
}

extension TargetKind {
    var code: UInt32 {
        switch self {
        case .directory: apus_target_kind.APUS_TARGET_DIRECTORY.rawValue
        case .file: apus_target_kind.APUS_TARGET_FILE.rawValue
        case .like: apus_target_kind.APUS_TARGET_LIKE_SOURCE.rawValue
        case .existing: apus_target_kind.APUS_TARGET_EXISTING.rawValue
        }
    }

    var source: Slot {
        if case .like(let slot) = self { return slot }
        return Slot(0)
    }
}

extension Meeting {
    var protocolCase: apus_meeting {
        switch self {
        case .idMaps: .APUS_MEETING_ID_MAPS
        case .cgroups: .APUS_MEETING_CGROUPS
        case .networkDevices: .APUS_MEETING_NETWORK_DEVICES
        case .runtimeHooks: .APUS_MEETING_RUNTIME_HOOKS
        case .containerHooks: .APUS_MEETING_CONTAINER_HOOKS
        case .console: .APUS_MEETING_CONSOLE
        case .limits: .APUS_MEETING_LIMITS
        case .ready: .APUS_MEETING_READY
        case .listener: .APUS_MEETING_LISTENER
        case .mapIDs: .APUS_MEETING_MAP_IDS
        case .inside: .APUS_MEETING_INSIDE
        case .target: .APUS_MEETING_TARGET
        case .mount: .APUS_MEETING_MOUNT
        }
    }

    /// Its number on the wire.
    public var code: UInt32 { protocolCase.rawValue }
}
