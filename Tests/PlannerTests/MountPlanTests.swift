import OCI
import Planner
import Testing

@Suite struct MountPlanTests {
    private static let userNamespace = [Namespace(.mount), Namespace(.user)]

    /// The steps of the only mount, its source first.
    private func lines(
        of mount: Mount, on host: HostFacts = .plain(), in namespaces: [Namespace] = [Namespace(.mount)],
        _ change: (inout Spec) -> Void = { _ in }
    ) throws -> [String] {
        let plan = try plan(on: host) {
            $0.linux.namespaces = namespaces
            $0.mounts = [mount]
            change(&$0)
        }
        return plan.steps.filter { $0.origin.text.hasPrefix("mounts[0]") }.map { "\($0.operation)" }
    }

    private func bind(_ change: (inout Mount) -> Void = { _ in }) -> Mount {
        var mount = Mount(destination: "/data", source: "/srv", action: .bind)
        change(&mount)
        return mount
    }

    private func tmpfs(_ change: (inout Mount) -> Void = { _ in }) -> Mount {
        var mount = Mount(destination: "/tmp", source: "tmpfs", type: "tmpfs", data: ["mode=755"])
        change(&mount)
        return mount
    }

    // MARK: Bind mounts

    @Test func bindIsACopyThatIsPutInPlace() throws {
        #expect(
            try lines(of: bind()) == [
                "open_tree /srv clone -> mount", "make target root:/data like mount (not in proc) -> target",
                "move_mount mount to target",
            ])
    }

    @Test func relativeSourceIsBelowTheBundle() throws {
        #expect(try lines(of: bind { $0.source = "etc/motd" })[0] == "open_tree /bundle/etc/motd clone -> mount")
    }

    /// The kernel takes them from the working directory.
    @Test(arguments: [
        ("overlay", "overlay", ["lowerdir=a:/b"], true), ("overlay", "overlay", ["lowerdir=/a:b"], true),
        ("overlay", "overlay", ["lowerdir=/a::b"], true), ("overlay", "overlay", ["lowerdir+=/a", "datadir+=b"], true),
        ("overlay", "overlay", ["lowerdir=/a", "upperdir=b", "workdir=/c"], true),
        ("overlay", "overlay", ["lowerdir=/a", "upperdir=/b", "workdir=c"], true),
        ("overlay", "overlay", ["lowerdir=/a:/b::/c", "index=off", "volatile"], false),
        ("ext4", "disk", [], true), ("ext4", "/dev/sda", [], false), ("ext4", "/dev/sda", ["journal_path=x"], true),
        ("tracefs", "tracefs", [], false), ("debugfs", "none", [], false),
        ("ext4", "/dev/sda", ["data=ordered", "journal_path=/dev/sdb"], false),
        ("xfs", "/dev/sda", ["logdev=log"], true),
        ("tmpfs", "tmpfs", ["size=1m"], false), ("proc", "proc", [], false), ("cgroup2", "cgroup", [], false),
    ])
    func relativePathsOfFileSystemsCountFromTheBundle(
        type: String, source: String, data: [String], isEntered: Bool
    ) throws {
        let mount = Mount(destination: "/data", source: source, type: type, data: data)
        let lines = try lines(of: mount)
        #expect(lines.contains("chdir /bundle") == isEntered)
        #expect(!isEntered || lines.first == "chdir /bundle")
    }

    /// With the rights that open the sources of bind mounts.
    @Test func theBundleIsEnteredBeforeTheProcessIsRootOfItsUserNamespace() throws {
        let mount = Mount(destination: "/data", source: "overlay", type: "overlay", data: ["lowerdir=a:b"])
        let plan = try plan {
            $0.linux.namespaces = Self.userNamespace
            $0.mounts = [mount]
        }
        let entered = try #require(plan.lines.firstIndex(of: "chdir /bundle"))
        let root = try #require(plan.lines.firstIndex { $0.hasPrefix("setresuid 0") })
        #expect(entered < root)
    }

    @Test func recursiveBindTakesEverythingBelow() throws {
        #expect(try lines(of: bind { $0.action = .recursiveBind })[0] == "open_tree /srv clone,recursive -> mount")
    }

    @Test func linksAtTheEndsAreTakenThemselvesWhereAsked() throws {
        let lines = try lines(
            of: bind {
                $0.sourceNoFollow = true
                $0.destinationNoFollow = true
            })
        #expect(lines[0] == "open_tree /srv clone,nofollow -> mount")
        #expect(lines[1] == "make target root:/data like mount (not in proc, no follow) -> target")
    }

    /// Nobody ever sees the mount without them.
    @Test func attributesAreSetBeforeTheMountIsInPlace() throws {
        let lines = try lines(
            of: bind {
                $0.attributes = AttributeChange(set: [.readOnly, .noSUID], clear: [.noDev])
                $0.recursiveAttributes = AttributeChange(set: [.noExec])
                $0.propagation = [MountPropagation(.slave, isRecursive: true), MountPropagation(.shared)]
            })
        #expect(
            lines[1...] == [
                "mount_setattr mount +ro,nosuid -nodev", "mount_setattr mount +noexec recursive",
                "make target root:/data like mount (not in proc) -> target", "move_mount mount to target",
                "mount_setattr mount slave recursive", "mount_setattr mount shared",
            ])
    }

    @Test func optionsOfFileSystemsHaveNoEffectAndAreSaidToHaveNone() throws {
        let plan = try plan { $0.mounts = [bind { $0.data = ["size=1m", "huge"] }] }
        #expect(plan.warnings == ["mounts[0].options: no effect on a bind mount: size=1m,huge"])
        #expect(plan.printed().hasSuffix("note  mounts[0].options: no effect on a bind mount: size=1m,huge\n"))
    }

    /// With the identity of the host's root, before the process becomes the container's; where even that may not pass,
    /// the tree that the host brought stays in the slot.
    @Test func inAUserNamespaceSourcesAreTakenBeforeTheIdentityChanges() throws {
        let plan = try plan {
            $0.linux.namespaces = Self.userNamespace
            $0.mounts = [bind { $0.action = .recursiveBind }]
        }
        let provision = try #require(plan.provisions.first)
        #expect("\(provision.source)" == "tree /srv (recursive)")
        #expect(provision.origin.text == "mounts[0].source")
        let copy = try #require(plan.index("open_tree /srv clone,recursive -> #24"))
        #expect(plan.steps[copy].toleratedNames == ["EACCES"])
        #expect(plan.steps[copy].skip == 0)
        #expect(try copy < #require(plan.index("setresuid 0")))
        #expect(
            plan.lines("mounts[0]") == [
                "make target root:/data like #24 (not in proc) -> target", "move_mount #24 to target",
            ])
    }

    @Test func idMappedTreesAreTheHostsWork() throws {
        let plan = try plan { $0.mounts = [bind(), bind { $0.idMap = MountIDMap() }] }
        #expect(plan.provisions.contains { "\($0.source)" == "id-mapped tree /srv" })
        #expect(
            plan.provisions.contains { provision in
                if case .mappedTree(_, let index) = provision.source { index == 1 } else { false }
            })
    }

    /// What the process has copied in its own mount namespace keeps its restrictions; to map ids is the host's right.
    @Test func inAUserNamespaceTheHostMapsTheIDsOfWhatTheProcessHasCopied() throws {
        let plan = try plan {
            $0.linux.namespaces = Self.userNamespace
            $0.mounts = [bind(), bind { $0.idMap = MountIDMap() }]
        }
        let copy = try #require(plan.index("open_tree /srv clone -> #25"))
        #expect(plan.lines[copy + 1] == "meet the host to map ids giving #25")
        #expect(plan.steps[copy + 1].origin.text == "mounts[1].source")
        #expect(!plan.provisions.contains { "\($0.source)".hasPrefix("id-mapped") })
    }

    /// After everything that takes the ids of the file system itself, and before anybody can see the mount.
    @Test(arguments: [[Namespace(.mount)], userNamespace])
    func idsOfANewFileSystemAreMappedBeforeItIsAttached(namespaces: [Namespace]) throws {
        let mapping = [IDMapping(containerID: 0, hostID: 1000, size: 1)]
        let plan = try plan {
            $0.linux.namespaces = namespaces
            $0.mounts = [
                Mount(
                    destination: "/data", type: "tmpfs", idMap: MountIDMap(uidMappings: mapping, gidMappings: mapping),
                    tmpcopyup: true)
            ]
        }
        let lines = plan.lines("mounts[0]")
        #expect(
            lines.suffix(4).map { $0.split(separator: " ").prefix(4).joined(separator: " ") } == [
                "copy mode of target", "copy tree target to", "meet the host to", "move_mount mount to target",
            ], "\(lines)")
        #expect(lines.contains("meet the host to map ids giving mount"))
    }

    /// A file system that is made in a user namespace counts in its ids; the kernel refuses to map them to the same.
    @Test func idsThatAreTheContainersAnywayAreNotMapped() throws {
        let plan = try plan {
            $0.linux.namespaces = Self.userNamespace
            $0.mounts = [
                Mount(destination: "/data", type: "tmpfs", idMap: MountIDMap()),
                bind {
                    $0.source = "/bundle/rootfs/data"
                    $0.destination = "/n"
                    $0.idMap = MountIDMap()
                },
            ]
        }
        #expect(!plan.lines.contains { $0.hasPrefix("meet the host to map ids") })
    }

    /// The host's path of what an earlier entry mounts: there is nothing to copy before, and it is no place of the host.
    @Test(arguments: [[Namespace(.mount)], userNamespace])
    func sourceInAnEarlierMountIsTakenFromThereInOrder(namespaces: [Namespace]) throws {
        let plan = try plan {
            $0.linux.namespaces = namespaces
            $0.mounts = [
                bind(),
                bind {
                    $0.source = "/bundle/rootfs/data/a"
                    $0.destination = "/n"
                },
            ]
        }
        let source = try #require(plan.index("open root:/data/a -> parent"))
        #expect(plan.lines[source + 1] == "open_tree parent clone -> mount")
        #expect(
            try source > #require(
                plan.index("make target root:/data like #24 (not in proc) -> target")
                    ?? plan.index("make target root:/data like mount (not in proc) -> target")))
    }

    @Test func sourceInTheRootIsTakenFromTheHostWhereNothingIsMounted() throws {
        #expect(
            try lines(of: bind { $0.source = "/bundle/rootfs/data/a" })[0]
                == "open_tree /bundle/rootfs/data/a clone -> mount")
    }

    @Test(arguments: [
        ("/bundle/rootfs", "/"), ("/bundle/rootfs/", "/"), ("/bundle/rootfs/data", "/data"),
        ("/bundle/./rootfs//data", "/data"), ("/bundle/rootfsdata", "/bundle/rootfsdata"),
    ])
    func destinationBelowTheRootsPathIsOneInside(destination: String, inside: String) throws {
        let lines = try lines(of: bind { $0.destination = destination })
        #expect(lines[1] == "make target root:\(inside) like mount (not in proc) -> target")
    }

    @Test func procIsNoPlaceForOthersByThatPathEither() {
        #expect(throws: PlanError.self) { try lines(of: tmpfs { $0.destination = "/bundle/rootfs/proc" }) }
    }

    /// Everything else of the mount is passed over once the link has been made.
    @Test(
        arguments: [
            ([], [], 3), ([.readOnly], [], 4),
            ([.readOnly], [MountPropagation(.private), MountPropagation(.shared)], 6),
        ] as [(MountAttributes, [MountPropagation], UInt8)])
    func copiedLinkSkipsTheWholeMount(set: MountAttributes, propagation: [MountPropagation], skip: UInt8) throws {
        let plan = try plan {
            $0.mounts = [
                bind {
                    $0.copySymlink = true
                    $0.destination = "/a/link"
                    $0.attributes.set = set
                    $0.propagation = propagation
                }, tmpfs(),
            ]
        }
        let link = try #require(plan.index("copy link /srv to parent/link"))
        #expect(plan.lines[link - 1] == "make target root:/a directory (not in proc) -> parent")
        #expect(plan.steps[link].skip == skip)
        #expect(plan.steps[link].toleratedNames == ["EALREADY"])
        #expect(plan.steps[link + Int(skip)].origin.text == "mounts[0]")
        #expect(plan.steps[link + Int(skip) + 1].origin.text == "mounts[1]")
    }

    @Test func copiedLinkOfAHostTreeSkipsItsMountToo() throws {
        let plan = try plan {
            $0.linux.namespaces = Self.userNamespace
            $0.mounts = [
                bind {
                    $0.copySymlink = true
                    $0.idMap = MountIDMap()
                }
            ]
        }
        let link = try #require(plan.index("copy link /srv to parent/data"))
        #expect(plan.steps[link].skip == 4)
        #expect(plan.lines[link + 2] == "meet the host to map ids giving mount")
        #expect(plan.lines[link + 4] == "move_mount mount to target")
    }

    /// A link may lead nowhere: neither the host nor an early step looks for what is at its end.
    @Test func sourceOfACopiedLinkIsNotTakenEarlyInAUserNamespace() throws {
        let plan = try plan {
            $0.linux.namespaces = Self.userNamespace
            $0.mounts = [bind { $0.copySymlink = true }]
        }
        #expect(plan.provisions.map(\.source) == [.devices, .gateListener])
        let link = try #require(plan.index("copy link /srv to parent/data"))
        #expect(plan.steps[link].skip == 3)
        #expect(
            plan.lines[(link + 1)...(link + 3)] == [
                "open_tree /srv clone -> mount", "make target root:/data like mount (not in proc) -> target",
                "move_mount mount to target",
            ])
    }

    // MARK: New file systems

    @Test func fileSystemIsConfiguredMadeAndPutInPlace() throws {
        let mount = Mount(
            destination: "/x", source: "overlay", type: "overlay", attributes: AttributeChange(set: [.noATime]),
            superblock: SuperblockChange(set: [.readOnly, .synchronous]),
            data: ["lowerdir=/a:/b", "userxattr", "x=y=z"])
        #expect(
            try lines(of: mount) == [
                "fsopen overlay -> fs", "fsconfig source=overlay", "fsconfig ro", "fsconfig sync",
                "fsconfig lowerdir=/a:/b", "fsconfig userxattr", "fsconfig x=y=z", "fsconfig create",
                "fsmount noatime -> mount", "make target root:/x directory (not in proc) -> target",
                "move_mount mount to target",
            ])
    }

    /// What is looked at and what is covered is one directory, looked up once.
    @Test func tmpfsGetsThePermissionsOfWhatItCoversUnlessTheyAreGiven() throws {
        let inheriting = try lines(of: tmpfs { $0.data = ["size=1m"] })
        let made = try #require(inheriting.firstIndex(of: "fsmount - -> mount"))
        #expect(
            inheriting[(made + 1)...] == [
                "make target root:/tmp directory (not in proc) -> target", "copy mode of target to mount",
                "move_mount mount to target",
            ])
        #expect(try !lines(of: tmpfs()).contains("copy mode of target to mount"))
    }

    @Test func tmpcopyupFillsTheTmpfsBeforeItCoversTheDirectory() throws {
        #expect(
            try lines(of: tmpfs { $0.tmpcopyup = true }).suffix(4) == [
                "fsmount - -> mount", "make target root:/tmp directory (not in proc) -> target",
                "copy tree target to mount", "move_mount mount to target",
            ])
    }

    /// What the image makes the process read is counted as the container's.
    @Test func tmpcopyupWaitsForTheCgroupsWhereTheProcessIsNotBornInThem() throws {
        let hierarchies = CgroupFacts(hierarchies: [.init(name: "memory", options: ["memory"], directory: "/c/memory")])
        for facts in [hierarchies, CgroupFacts(unified: "/c/box", joining: .isMoved)] {
            let plan = try plan(on: .plain { $0.cgroups = facts }) {
                $0.mounts = [tmpfs(), tmpfs { $0.tmpcopyup = true }, tmpfs { $0.tmpcopyup = true }]
            }
            let meetings = plan.lines.indices.filter { plan.lines[$0].hasPrefix("meet the host to make the cgroups") }
            let copies = plan.lines.indices.filter { plan.lines[$0] == "copy tree target to mount" }
            #expect(meetings.count == 1 && copies.count == 2)
            let joined = try #require(plan.lines.lastIndex { $0.hasPrefix("join cgroup") } ?? meetings.first)
            #expect(try joined < #require(copies.first))
            // A plain one does not wait.
            #expect(try #require(plan.steps.firstIndex { $0.origin.text == "mounts[1]" }) < meetings[0])
        }
        let cloned = try plan { $0.mounts = [tmpfs { $0.tmpcopyup = true }] }
        #expect(!cloned.lines.contains { $0.hasPrefix("meet the host to") })
    }

    /// Mount points, devices and the working directory have to be made in it. It is the mount that was made, whatever
    /// its destination leads to by then.
    @Test func readOnlyTmpfsBecomesSoAtTheEnd() throws {
        let plan = try plan {
            $0.mounts = [
                tmpfs {
                    $0.attributes.set = [.readOnly, .noSUID]
                    $0.superblock.set = .readOnly
                }
            ]
        }
        let lines = plan.lines("mounts[0]")
        #expect(lines.contains("fsmount nosuid -> #24"))
        #expect(!lines.contains("fsconfig ro"))
        #expect(lines.suffix(2) == ["move_mount #24 to target", "mount_setattr #24 +ro"])
        #expect(try #require(plan.index("mount_setattr #24 +ro")) > #require(plan.index("pivot_root")))
    }

    @Test func otherReadOnlyFileSystemsAreSoAtOnce() throws {
        let lines = try lines(
            of: Mount(
                destination: "/sys", type: "sysfs", attributes: AttributeChange(set: .readOnly),
                superblock: SuperblockChange(set: .readOnly)))
        #expect(lines.prefix(4) == ["fsopen sysfs -> fs", "fsconfig ro", "fsconfig create", "fsmount ro -> mount"])
    }

    @Test func mountLabelIsForFileSystemsThatCanHaveOne() throws {
        let selinux = HostFacts.plain { $0.hasSELinux = true }
        let label: (inout Spec) -> Void = { $0.linux.mountLabel = "u:r:t:s0" }
        #expect(try lines(of: tmpfs(), on: selinux, label).contains("fsconfig context=u:r:t:s0"))
        #expect(
            try lines(of: tmpfs(), on: selinux) {
                label(&$0)
                $0.annotations = [Annotation(key: "run.oci.mount_context_type", value: "rootcontext")]
            }.contains("fsconfig rootcontext=u:r:t:s0"))
        // Quotes are for lists of options.
        let quoted = tmpfs { $0.data = ["context=\"u:r:t:s0:c1,c2\""] }
        #expect(try lines(of: quoted).contains("fsconfig context=u:r:t:s0:c1,c2"))
        for type in ["proc", "sysfs"] {
            let mount = Mount(destination: "/x", type: type)
            #expect(try !lines(of: mount, on: selinux, label).contains("fsconfig context=u:r:t:s0"))
        }
    }

    // MARK: Changes of what is mounted

    @Test func remountConfiguresTheFileSystemAndReplacesTheAttributes() throws {
        let mount = Mount(
            destination: "/x", source: "none", action: .remount,
            attributes: AttributeChange(set: [.noExec], clear: [.readOnly]),
            superblock: SuperblockChange(clear: .readOnly), data: ["size=2m"])
        #expect(
            try lines(of: mount) == [
                "open root:/x -> target", "fspick target -> fs", "fsconfig size=2m", "fsconfig rw",
                "fsconfig reconfigure",
                "mount_setattr target +noexec -ro,nosuid,nodev,nodiratime,nosymfollow",
            ])
    }

    @Test func bindRemountTouchesTheMountAlone() throws {
        let mount = Mount(
            destination: "/x", action: .bindRemount, attributes: AttributeChange(set: [.readOnly]),
            superblock: SuperblockChange(set: .readOnly), propagation: [MountPropagation(.private)])
        #expect(
            try lines(of: mount) == [
                "open root:/x -> target", "mount_setattr target +ro -nosuid,nodev,noexec,nodiratime,nosymfollow",
                "mount_setattr target private",
            ])
    }

    // MARK: Rules for mount points

    @Test(arguments: [
        (Mount(destination: "/proc", type: "proc"), "(no links)"),
        (Mount(destination: "/sys", type: "sysfs"), "(no links)"),
        (Mount(destination: "/tmp", type: "tmpfs", data: ["mode=1"]), "(not in proc)"),
        (Mount(destination: "/proc/uptime", source: "/a", action: .bind), ""),
        (Mount(destination: "/proc/sys/kernel/ns_last_pid", source: "/a", action: .bind), ""),
        (Mount(destination: "/proc/sysrq", source: "/a", action: .bind), "(not in proc)"),
        (Mount(destination: "/proc/uptime/", source: "/a", action: .bind), "(not in proc)"),
    ])
    func onlyProcfsAndAFewFilesGoIntoProc(mount: Mount, rules: String) throws {
        let target = try #require(try lines(of: mount).first { $0.hasPrefix("make target") })
        #expect(target.hasSuffix((rules.isEmpty ? "" : rules + " ") + "-> target"))
        #expect(target.contains("(") == !rules.isEmpty)
    }

    @Test func mountsAreInTheOrderOfTheConfiguration() throws {
        let plan = try plan { $0.mounts = [tmpfs(), bind(), tmpfs()] }
        let indices = plan.steps.map { $0.origin.text.prefix("mounts[0]".count) }.filter { $0.hasPrefix("mounts[") }
        #expect(indices == indices.sorted())
        #expect(Set(indices).count == 3)
    }
}
