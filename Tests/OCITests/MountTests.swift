import OCI
import Testing

@Suite struct MountTests {
    @Test(arguments: [
        ("ro", AttributeChange(set: .readOnly)), ("rw", AttributeChange(clear: .readOnly)),
        ("nosuid", AttributeChange(set: .noSUID)), ("suid", AttributeChange(clear: .noSUID)),
        ("nodev", AttributeChange(set: .noDev)), ("dev", AttributeChange(clear: .noDev)),
        ("noexec", AttributeChange(set: .noExec)), ("exec", AttributeChange(clear: .noExec)),
        ("nodiratime", AttributeChange(set: .noDirATime)), ("diratime", AttributeChange(clear: .noDirATime)),
        ("nosymfollow", AttributeChange(set: .noSymFollow)), ("symfollow", AttributeChange(clear: .noSymFollow)),
        ("noatime", AttributeChange(set: .noATime, clear: .accessTime)),
        ("strictatime", AttributeChange(set: .strictATime, clear: .accessTime)),
        ("relatime", AttributeChange(clear: .accessTime)), ("atime", AttributeChange(clear: .accessTime)),
        ("nostrictatime", AttributeChange(clear: .accessTime)), ("norelatime", AttributeChange()),
        ("defaults", AttributeChange()),
    ])
    func attributesAndTheirRecursiveForms(option: String, change: AttributeChange) throws {
        let plain = try mount([option])
        #expect(plain.attributes == change)
        #expect(plain.recursiveAttributes.isEmpty)
        #expect(plain.data.isEmpty)
        guard option != "defaults" else { return }
        let recursive = try mount(["rbind", "r" + option], type: "bind")
        #expect(recursive.recursiveAttributes == change)
        #expect(recursive.attributes.isEmpty && recursive.superblock.isEmpty)
    }

    @Test(arguments: [
        (["size=64k,mode=700"], ["size=64k", "mode=700"]),
        (["lowerdir=/a\\,b,index=off"], ["lowerdir=/a,b", "index=off"]),
        (["context=\"u:r:t:s0:c1,c2\",size=1"], ["context=\"u:r:t:s0:c1,c2\"", "size=1"]),
        (["nosuid,,size=1,"], ["size=1"]), (["lowerdir=/a\\:b"], ["lowerdir=/a\\:b"]),
        (["lowerdir=/a\\\\,index=off"], ["lowerdir=/a\\\\", "index=off"]),
    ])
    func commasSeparateOptions(options: [String], data: [String]) throws {
        #expect(try mount(options).data == data)
    }

    @Test func joinedOptionsAreOptionsLikeOthers() throws {
        let joined = try mount(["rbind,ro", "noexec,shared,private"], type: "bind")
        let apart = try mount(["rbind", "ro", "noexec", "shared", "private"], type: "bind")
        #expect(joined == apart)
    }

    @Test(arguments: [
        ("sync", SuperblockChange(set: .synchronous)), ("async", SuperblockChange(clear: .synchronous)),
        ("dirsync", SuperblockChange(set: .dirSync)), ("mand", SuperblockChange(set: .mandatoryLocks)),
        ("nomand", SuperblockChange(clear: .mandatoryLocks)), ("lazytime", SuperblockChange(set: .lazyTime)),
        ("nolazytime", SuperblockChange(clear: .lazyTime)), ("iversion", SuperblockChange(set: .iVersion)),
        ("noiversion", SuperblockChange(clear: .iVersion)), ("silent", SuperblockChange(set: .silent)),
        ("loud", SuperblockChange(clear: .silent)), ("acl", SuperblockChange(set: .posixACL)),
        ("noacl", SuperblockChange(clear: .posixACL)), ("ro", SuperblockChange(set: .readOnly)),
        ("rsync", SuperblockChange(set: .synchronous)), ("rdirsync", SuperblockChange(set: .dirSync)),
        ("rmand", SuperblockChange(set: .mandatoryLocks)),
    ])
    func superblockFlags(option: String, change: SuperblockChange) throws {
        #expect(try mount([option]).superblock == change)
    }

    @Test func propagationKeepsItsOrder() throws {
        let mount = try mount(["rbind", "rslave", "shared", "unbindable", "rprivate"], type: "bind")
        #expect(
            mount.propagation == [
                MountPropagation(.slave, isRecursive: true), MountPropagation(.shared), MountPropagation(.unbindable),
                MountPropagation(.private, isRecursive: true),
            ])
        #expect(mount.propagation.map(\.name) == ["rslave", "shared", "unbindable", "rprivate"])
    }

    @Test(arguments: [
        ([] as [String], MountAction.new), (["bind"], .bind), (["rbind"], .recursiveBind),
        (["bind", "rbind"], .recursiveBind), (["rbind", "bind"], .recursiveBind), (["remount"], .remount),
        (["remount", "bind"], .bindRemount), (["rbind", "remount"], .bindRemount),
        (["bind", "remount", "rbind"], .bindRemount),
    ])
    func actions(options: [String], action: MountAction) throws {
        #expect(try mount(options).action == action)
    }

    @Test func theLastOfContradictingOptionsCounts() throws {
        #expect(try mount(["ro", "rw"]).attributes == AttributeChange(clear: .readOnly))
        #expect(try mount(["noatime", "strictatime"]).attributes.set == .strictATime)
        #expect(try mount(["noatime", "relatime"]).attributes == AttributeChange(clear: .accessTime))
        #expect(try mount(["noatime", "nostrictatime"]).attributes.set == .noATime)
        #expect(try mount(["strictatime", "atime"]).attributes.set == .strictATime)
    }

    @Test func theAccessTimeFieldIsAlwaysClearedAsAWhole() throws {
        for option in MountOption.allCases where option.rawValue.hasSuffix("atime") && !option.rawValue.hasPrefix("r") {
            let clear = try mount([option.rawValue]).attributes.clear.intersection(.accessTime)
            #expect(clear == [] || clear == .accessTime, "\(option)")
        }
    }

    @Test func everythingElseIsDataInOrder() throws {
        let mount = try mount(["mode=755", "nosuid", "size=64k", "", "context=\"a:b,c\"", "x-mine", "RO"])
        #expect(mount.data == ["mode=755", "size=64k", "context=\"a:b,c\"", "x-mine", "RO"])
    }

    @Test func everyOptionHasAnEffectAndIsNoData() throws {
        for option in MountOption.allCases {
            var type = "tmpfs"
            var options = [option.rawValue]
            switch option {
            case .copySymlink, .srcNofollow: (type, options) = ("bind", ["bind", option.rawValue])
            case .idmap, .ridmap: continue
            default: break
            }
            let mount = try mount(options, type: type)
            #expect(mount.data.isEmpty, "\(option)")
            let without = try self.mountWithout(option, type)
            #expect((mount == without) == [.defaults, .norelatime, .rnorelatime].contains(option), "\(option)")
        }
    }

    private func mountWithout(_ option: MountOption, _ type: String) throws -> Mount {
        try mount(type == "bind" ? ["bind"] : [], type: type)
    }

    @Test func optionsAreSortedByName() {
        let names = MountOption.allCases.map(\.rawValue)
        #expect(names == names.sorted())
    }

    @Test func switches() throws {
        #expect(try mount(["tmpcopyup"]).tmpcopyup)
        let mount = try mount(["bind", "copy-symlink", "src-nofollow", "dest-nofollow"], type: "bind")
        #expect(mount.copySymlink && mount.sourceNoFollow && mount.destinationNoFollow)
    }

    @Test func aRelativeDestinationIsTakenFromTheRoot() throws {
        let spec = try decode { $0["mounts"] = [["destination": "data/x", "type": "tmpfs"]] }
        #expect(spec.mounts[0].destination == "/data/x")
        #expect(spec.warnings.count == 1)
    }

    // MARK: Id mappings

    private let mapping: [String: Any] = ["containerID": 0, "hostID": 1000, "size": 10]

    @Test func mappingsOfAMount() throws {
        for (option, isRecursive) in [("idmap", false), ("ridmap", true), ("nosuid", false)] {
            let spec = try decode {
                $0["mounts"] = [
                    [
                        "destination": "/data", "source": "/srv", "options": ["rbind", option],
                        "uidMappings": [mapping], "gidMappings": [mapping],
                    ]
                ]
            }
            let expected = [IDMapping(containerID: 0, hostID: 1000, size: 10)]
            let idMap = MountIDMap(isRecursive: isRecursive, uidMappings: expected, gidMappings: expected)
            #expect(spec.mounts[0].idMap == idMap, "\(option)")
        }
    }

    @Test func mappingsOfTheContainer() throws {
        let spec = try Spec.decode(try Fixtures.bytes("configs/kubernetes-userns.json"))
        #expect(spec.mounts.last?.idMap?.usesContainerMappings == true)
    }

    @Test func mappingsInTheOption() throws {
        let mount = try mount(["rbind", "ridmap=uids=0-1000-10#10-2000-5;gids=7-8-9"], type: "bind")
        #expect(
            mount.idMap
                == MountIDMap(
                    isRecursive: true,
                    uidMappings: [
                        IDMapping(containerID: 0, hostID: 1000, size: 10),
                        IDMapping(containerID: 10, hostID: 2000, size: 5),
                    ], gidMappings: [IDMapping(containerID: 7, hostID: 8, size: 9)]))
    }

    @Test func relativeMappingsFollowTheUserNamespace() throws {
        let mappings: [[String: Any]] = [
            ["containerID": 0, "hostID": 0, "size": 1], ["containerID": 1, "hostID": 2, "size": 1000],
        ]
        let spec = try decode { document in
            document["linux"] = [
                "namespaces": [["type": "mount"], ["type": "user"]], "uidMappings": mappings, "gidMappings": mappings,
            ]
            document["mounts"] = [
                ["destination": "/a", "source": "/a", "options": ["bind", "idmap=uids=@1-3-10;gids=@0-100-10"]]
            ]
        }
        #expect(
            spec.mounts[0].idMap
                == MountIDMap(
                    uidMappings: [IDMapping(containerID: 1, hostID: 4, size: 10)],
                    gidMappings: [IDMapping(containerID: 0, hostID: 100, size: 10)]))
    }

    @Test(arguments: [
        "idmap=", "idmap=uids=0-1-2", "idmap=gids=0-1-2", "idmap=uids=0-1;gids=0-1-2", "idmap=uids=0-1-0;gids=0-1-2",
        "idmap=uids=0-1-2-3;gids=0-1-2", "idmap=uids=0-1-x;gids=0-1-2", "idmap=uids=0-1-4294967296;gids=0-1-2",
        "idmap=uids=0-1-2#;gids=0-1-2", "idmap=users=0-1-2;gids=0-1-2", "idmap=uids=4294967295-1-2;gids=0-1-2",
        "idmap=uids=0-1-2#1-9-1;gids=0-1-2",
    ])
    func refusesOtherMappings(option: String) throws {
        let text = failure(
            of: try document {
                $0["mounts"] = [["destination": "/a", "source": "/a", "options": ["bind", option]]]
            })
        #expect(text?.hasPrefix("mounts[0].options[1]: ") == true)
    }

    // MARK: /proc

    @Test(arguments: [
        "/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime",
        "/proc/loadavg", "/proc/slabinfo", "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled",
        "/proc/self/../cpuinfo", "/process", "/proc/../data", "/srv/proc/x",
    ])
    func theseMayBeMountedOn(destination: String) throws {
        let mount: [String: Any] = ["destination": destination, "source": "/srv/x", "options": ["bind"]]
        #expect(failure(of: try document { $0["mounts"] = [mount] }) == nil)
    }

    @Test(arguments: [
        "/proc/self/attr", "/proc/cpuinfo/x", "//proc//sys", "/x/../proc/keys", "proc/keys", "/proc/net/dev",
        "/proc/sys/kernel", "/proc/.x", "/./proc/1",
    ])
    func theseMayNot(destination: String) throws {
        let mount: [String: Any] = ["destination": destination, "source": "/srv/x", "options": ["bind"]]
        let text = failure(of: try document { $0["mounts"] = [mount] })
        #expect(text?.hasPrefix("mounts[0].destination: inside /proc") == true)
    }

    @Test func procItselfMayBeProcfsOrTheHosts() throws {
        for mount: [String: Any] in [
            ["destination": "/proc", "type": "proc"],
            ["destination": "/proc/", "source": "/proc", "options": ["rbind"]],
            ["destination": "/proc", "options": ["remount", "ro"]],
        ] {
            #expect(failure(of: try document { $0["mounts"] = [mount] }) == nil)
        }
    }
}
