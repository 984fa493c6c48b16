internal import OCI

extension PlanBuilder {
    /// A mount of type `cgroup`: what the container sees of its cgroups, in the version that the host has.
    mutating func mountCgroups(_ mount: Mount, _ origin: Origin) {
        let isCover = host.cgroups.isEmpty && !(host.cgroups.isUnifiedHost && spec.linux.separates(.cgroup))
        let slot = isCover && isMountedIn(mount.destination) ? reserveSlot() : slot(for: mount)
        if isCover {
            coverCgroups(mount, slot, origin)
        } else if host.cgroups.isV2 || mount.type == "cgroup2" {
            mountUnified(mount, slot, origin)
        } else {
            finishCovered(.hierarchies)
            hold(.hierarchies, at: mount.destination)
            return mountHierarchies(mount, origin)
        }
        hold(slot, at: mount.destination)
    }

    /// cgroup2: in a cgroup namespace the file system itself, else the container's own directory. Mounted from outside
    /// of one, the file system would show all the cgroups of the host, and take the options of the host's own mount
    /// away (`nsdelegate`, cgroup_namespaces(7)).
    private mutating func mountUnified(_ mount: Mount, _ slot: Slot, _ origin: Origin) {
        if !spec.linux.separates(.cgroup), let directory = host.cgroups.unified {
            bindCgroup(directory, mount, slot, origin)
        } else {
            add(.openFileSystem(type: "cgroup2", into: .fileSystem), origin)
            add(.configure(.fileSystem, .text(key: "source", value: "cgroup")), origin)
            add(.configure(.fileSystem, .create), origin)
            add(.createMount(.fileSystem, attributes: mount.attributes.set.rawValue, into: slot), origin)
        }
        placeCgroup(mount, slot, origin)
    }

    /// A container without a cgroup of its own sees none, in particular not those of its caller, which it may be able
    /// to write to (CVE-2023-25809).
    private mutating func coverCgroups(_ mount: Mount, _ slot: Slot, _ origin: Origin) {
        add(.openFileSystem(type: "tmpfs", into: .fileSystem), origin)
        let restricted: MountAttributes = [.noSUID, .noDev, .noExec]
        if isMountedIn(mount.destination) {
            // What the configuration mounts in there gets its mount points first.
            add(.configure(.fileSystem, .text(key: "mode", value: "755")), origin)
            add(.configure(.fileSystem, .create), origin)
            add(.createMount(.fileSystem, attributes: restricted.rawValue, into: slot), origin)
            lateReadOnly.append((slot, origin))
        } else {
            add(.configure(.fileSystem, .flag("ro")), origin)
            add(.configure(.fileSystem, .text(key: "nr_inodes", value: "2")), origin)
            add(.configure(.fileSystem, .create), origin)
            add(.createMount(.fileSystem, attributes: restricted.union(.readOnly).rawValue, into: slot), origin)
        }
        placeCgroup(mount, slot, origin)
    }

    /// Whether something is mounted below a destination, as far as the text of the paths tells.
    private func isMountedIn(_ destination: String) -> Bool {
        let below = lexicallyClean(destination) + "/"
        return spec.mounts.contains { lexicallyClean($0.destination).begins(with: below) }
    }

    /// cgroup v1: a small tmpfs with a directory for each hierarchy.
    private mutating func mountHierarchies(_ mount: Mount, _ origin: Origin) {
        add(.openFileSystem(type: "tmpfs", into: .fileSystem), origin)
        add(.configure(.fileSystem, .text(key: "source", value: "tmpfs")), origin)
        add(.configure(.fileSystem, .text(key: "mode", value: "755")), origin)
        add(.configure(.fileSystem, .create), origin)
        let attributes = mount.attributes.set.subtracting(.readOnly)
        add(.createMount(.fileSystem, attributes: attributes.rawValue, into: .hierarchies), origin)
        add(.makeTarget(root: .root, path: mount.destination, .directory, rules(mount), into: .target), origin)
        add(.moveMount(.hierarchies, to: .target), origin)
        for hierarchy in host.cgroups.hierarchies {
            if spec.linux.separates(.cgroup) {
                mountHierarchy(hierarchy, mount, origin)
            } else {
                bindCgroup(hierarchy.directory, mount, .mount, origin)
            }
            // Looked up in the tmpfs that was just made: no link or mount of the image is met.
            add(.makeTarget(root: .hierarchies, path: hierarchy.name, .directory, into: .target), origin)
            add(.moveMount(.mount, to: .target), origin)
        }
        for alias in host.cgroups.aliases {
            add(.makeLink(.hierarchies, name: alias.name, target: alias.target), origin)
        }
        propagate(.hierarchies, mount, origin)
        guard mount.attributes.set.contains(.readOnly) else { return }
        if isMountedIn(mount.destination) {
            lateReadOnly.append((.hierarchies, origin))
        } else {
            add(.setMountAttributes(.hierarchies, set: MountAttributes.readOnly.rawValue), origin)
        }
    }

    /// In a cgroup namespace the hierarchy's root is the container's own cgroup.
    private mutating func mountHierarchy(
        _ hierarchy: CgroupFacts.Hierarchy, _ mount: Mount, _ origin: Origin
    ) {
        add(.openFileSystem(type: "cgroup", into: .fileSystem), origin)
        add(.configure(.fileSystem, .text(key: "source", value: "cgroup")), origin)
        for option in hierarchy.options { add(.configure(.fileSystem, Self.setting(of: option)), origin) }
        add(.configure(.fileSystem, .create), origin)
        add(.createMount(.fileSystem, attributes: mount.attributes.set.rawValue, into: .mount), origin)
    }

    /// Without one, a bind mount shows the container's own cgroup and no other.
    private mutating func bindCgroup(_ directory: String, _ mount: Mount, _ slot: Slot, _ origin: Origin) {
        add(.openTree(nil, path: directory, flags: TreeFlag.clone, into: slot), origin)
        var attributes = mount.attributes
        // mount_setattr(2) changes how access times are kept only if it clears what was there.
        let times: MountAttributes = attributes.set.isDisjoint(with: .accessTime) ? [] : .accessTime
        attributes.clear.formIntersection(times)
        change(slot, attributes, isRecursive: false, origin)
    }

    private mutating func placeCgroup(_ mount: Mount, _ slot: Slot, _ origin: Origin) {
        add(.makeTarget(root: .root, path: mount.destination, .directory, .notInProc, into: .target), origin)
        add(.moveMount(slot, to: .target), origin)
        propagate(slot, mount, origin)
    }
}
