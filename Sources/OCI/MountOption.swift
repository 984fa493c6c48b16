/// The options of `mounts[].options` that are not the file system's own (config.md, "Linux mount options"), in the
/// order of their names; the raw value is the option's text. Everything else is data for the file system.
///
/// What mount(8) and the spec know, and three of other runtimes: `copy-symlink`, `src-nofollow`, `dest-nofollow`.
/// `idmap=` and `ridmap=` with mappings behind them are told apart in `IDMapOption`.
public enum MountOption: String, CaseIterable, Sendable {
    case acl
    case async
    case atime
    case bind
    case copySymlink = "copy-symlink"
    case defaults
    case destNofollow = "dest-nofollow"
    case dev
    case diratime
    case dirsync
    case exec
    case idmap
    case iversion
    case lazytime
    case loud
    case mand
    case noacl
    case noatime
    case nodev
    case nodiratime
    case noexec
    case noiversion
    case nolazytime
    case nomand
    case norelatime
    case nostrictatime
    case nosuid
    case nosymfollow
    case `private`
    case ratime
    case rbind
    case rdev
    case rdiratime
    case rdirsync
    case relatime
    case remount
    case rexec
    case ridmap
    case rmand
    case rnoatime
    case rnodev
    case rnodiratime
    case rnoexec
    case rnorelatime
    case rnostrictatime
    case rnosuid
    case rnosymfollow
    case ro
    case rprivate
    case rrelatime
    case rro
    case rrw
    case rshared
    case rslave
    case rstrictatime
    case rsuid
    case rsymfollow
    case rsync
    case runbindable
    case rw
    case shared
    case silent
    case slave
    case srcNofollow = "src-nofollow"
    case strictatime
    case suid
    case symfollow
    case sync
    case tmpcopyup
    case unbindable
}

extension MountOption {
    /// The options in one text, which commas separate, as in mount(8): but for commas in double quotes, and for those
    /// behind a backslash, which are commas of the option itself.
    static func parts(of text: String) -> [String] {
        let comma = UInt8(ascii: ",")
        let quote = UInt8(ascii: "\"")
        let backslash = UInt8(ascii: "\\")
        var parts: [[UInt8]] = [[]]
        var isQuoted = false
        var isEscaped = false
        for byte in text.utf8 {
            if byte == comma, isEscaped {
                parts[parts.count - 1].removeLast()
            } else if byte == comma, !isQuoted {
                parts.append([])
                continue
            }
            if byte == quote { isQuoted.toggle() }
            isEscaped = byte == backslash && !isEscaped
            parts[parts.count - 1].append(byte)
        }
        return parts.map { String(decoding: $0, as: UTF8.self) }
    }

    /// Makes a mount have this option; of contradicting options the last one counts.
    func apply(to mount: inout Mount) {
        switch self {
        case .defaults: break

        case .bind: mount.action = mount.action == .remount ? .bindRemount : mount.isBind ? mount.action : .bind
        case .rbind: mount.action = mount.isRemount ? .bindRemount : .recursiveBind
        case .remount: mount.action = mount.isBind || mount.action == .bindRemount ? .bindRemount : .remount

        case .ro:
            mount.attributes.switchOn(.readOnly)
            mount.superblock.switchOn(.readOnly)
        case .rw:
            mount.attributes.switchOff(.readOnly)
            mount.superblock.switchOff(.readOnly)

        case .nosuid: mount.attributes.switchOn(.noSUID)
        case .suid: mount.attributes.switchOff(.noSUID)
        case .nodev: mount.attributes.switchOn(.noDev)
        case .dev: mount.attributes.switchOff(.noDev)
        case .noexec: mount.attributes.switchOn(.noExec)
        case .exec: mount.attributes.switchOff(.noExec)
        case .nodiratime: mount.attributes.switchOn(.noDirATime)
        case .diratime: mount.attributes.switchOff(.noDirATime)
        case .nosymfollow: mount.attributes.switchOn(.noSymFollow)
        case .symfollow: mount.attributes.switchOff(.noSymFollow)
        case .noatime: mount.attributes.setAccessTime(.noATime)
        case .strictatime: mount.attributes.setAccessTime(.strictATime)
        case .relatime: mount.attributes.setAccessTime([])
        case .atime: mount.attributes.unsetAccessTime(.noATime)
        case .nostrictatime: mount.attributes.unsetAccessTime(.strictATime)
        // Without relatime the kernel takes its default, and that is relatime (mount(8), "norelatime").
        case .norelatime: break

        case .rro: mount.recursiveAttributes.switchOn(.readOnly)
        case .rrw: mount.recursiveAttributes.switchOff(.readOnly)
        case .rnosuid: mount.recursiveAttributes.switchOn(.noSUID)
        case .rsuid: mount.recursiveAttributes.switchOff(.noSUID)
        case .rnodev: mount.recursiveAttributes.switchOn(.noDev)
        case .rdev: mount.recursiveAttributes.switchOff(.noDev)
        case .rnoexec: mount.recursiveAttributes.switchOn(.noExec)
        case .rexec: mount.recursiveAttributes.switchOff(.noExec)
        case .rnodiratime: mount.recursiveAttributes.switchOn(.noDirATime)
        case .rdiratime: mount.recursiveAttributes.switchOff(.noDirATime)
        case .rnosymfollow: mount.recursiveAttributes.switchOn(.noSymFollow)
        case .rsymfollow: mount.recursiveAttributes.switchOff(.noSymFollow)
        case .rnoatime: mount.recursiveAttributes.setAccessTime(.noATime)
        case .rstrictatime: mount.recursiveAttributes.setAccessTime(.strictATime)
        case .rrelatime: mount.recursiveAttributes.setAccessTime([])
        case .ratime: mount.recursiveAttributes.unsetAccessTime(.noATime)
        case .rnostrictatime: mount.recursiveAttributes.unsetAccessTime(.strictATime)
        case .rnorelatime: break

        // A superblock has no mounts below it, so the recursive names mean the same.
        case .sync, .rsync: mount.superblock.switchOn(.synchronous)
        case .async: mount.superblock.switchOff(.synchronous)
        case .dirsync, .rdirsync: mount.superblock.switchOn(.dirSync)
        case .mand, .rmand: mount.superblock.switchOn(.mandatoryLocks)
        case .nomand: mount.superblock.switchOff(.mandatoryLocks)
        case .lazytime: mount.superblock.switchOn(.lazyTime)
        case .nolazytime: mount.superblock.switchOff(.lazyTime)
        case .iversion: mount.superblock.switchOn(.iVersion)
        case .noiversion: mount.superblock.switchOff(.iVersion)
        case .silent: mount.superblock.switchOn(.silent)
        case .loud: mount.superblock.switchOff(.silent)
        case .acl: mount.superblock.switchOn(.posixACL)
        case .noacl: mount.superblock.switchOff(.posixACL)

        case .private: mount.propagation.append(MountPropagation(.private))
        case .rprivate: mount.propagation.append(MountPropagation(.private, isRecursive: true))
        case .shared: mount.propagation.append(MountPropagation(.shared))
        case .rshared: mount.propagation.append(MountPropagation(.shared, isRecursive: true))
        case .slave: mount.propagation.append(MountPropagation(.slave))
        case .rslave: mount.propagation.append(MountPropagation(.slave, isRecursive: true))
        case .unbindable: mount.propagation.append(MountPropagation(.unbindable))
        case .runbindable: mount.propagation.append(MountPropagation(.unbindable, isRecursive: true))

        case .idmap: mount.idMap = MountIDMap(isRecursive: false)
        case .ridmap: mount.idMap = MountIDMap(isRecursive: true)
        case .tmpcopyup: mount.tmpcopyup = true
        case .copySymlink: mount.copySymlink = true
        case .srcNofollow: mount.sourceNoFollow = true
        case .destNofollow: mount.destinationNoFollow = true
        }
    }
}

extension AttributeChange {
    mutating func switchOn(_ attribute: MountAttributes) {
        self.set.formUnion(attribute)
        self.clear.subtract(attribute)
    }

    mutating func switchOff(_ attribute: MountAttributes) {
        self.set.subtract(attribute)
        self.clear.formUnion(attribute)
    }

    /// Gives the access time field a value; `[]` is relatime.
    mutating func setAccessTime(_ value: MountAttributes) {
        self.set.subtract(.accessTime)
        self.set.formUnion(value)
        self.clear.formUnion(.accessTime)
    }

    /// Gives the access time field the default value where it has this one.
    mutating func unsetAccessTime(_ value: MountAttributes) {
        self.set.subtract(value)
        self.clear.formUnion(.accessTime)
    }
}

extension SuperblockChange {
    mutating func switchOn(_ flag: SuperblockFlags) {
        self.set.formUnion(flag)
        self.clear.subtract(flag)
    }

    mutating func switchOff(_ flag: SuperblockFlags) {
        self.set.subtract(flag)
        self.clear.formUnion(flag)
    }
}
