import Testing

@testable import Cgroups

@Suite struct LayoutTests {
    @Test func `a hybrid host has v1 hierarchies and cgroup2 beside them`() {
        let layout = CgroupLayout.parse(mountinfo: Array(hybridMounts.utf8), cgroup: Array(hybridOwn.utf8))
        #expect(
            layout
                == .v1(
                    [
                        Hierarchy(
                            label: "name=systemd", mountPoint: "/sys/fs/cgroup/systemd", ownPath: "/user.slice/x"),
                        Hierarchy(label: "memory", mountPoint: "/sys/fs/cgroup/memory", ownPath: "/user.slice"),
                        Hierarchy(label: "cpu,cpuacct", mountPoint: "/sys/fs/cgroup/cpu,cpuacct", ownPath: ""),
                    ],
                    unified: Hierarchy(label: "", mountPoint: "/sys/fs/cgroup/unified", ownPath: "/user.slice/x")))
    }

    @Test func `cgroup2 at its usual place is a v2 host, whatever else is mounted`() {
        let mounts = """
            30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate
            99 24 0:55 / /opt/vpn/net_cls rw - cgroup net_cls rw,net_cls

            """
        #expect(
            parse(mounts, "1:net_cls:/\n0::/system.slice/a.service\n")
                == .v2(Hierarchy(label: "", mountPoint: "/sys/fs/cgroup", ownPath: "/system.slice/a.service")))
    }

    @Test func `cgroup2 alone elsewhere is a v2 host`() {
        #expect(
            parse("30 24 0:26 / /mnt/cg rw shared:9 master:2 - cgroup2 none rw\n", "0::/\n")
                == .v2(Hierarchy(label: "", mountPoint: "/mnt/cg", ownPath: "")))
    }

    @Test func `mounts may come in parts of any size, and no more of them than needed`() {
        let whole = Array(hybridMounts.utf8)
        let expected = CgroupLayout.parse(mountinfo: whole, cgroup: Array(hybridOwn.utf8))
        let last = hybridMounts.utf8.split(separator: 10).last?.count ?? 0
        for size in [1, 7, 100, 4096] {
            var parser = LayoutParser(cgroup: Array(hybridOwn.utf8))
            var used = 0
            while used < whole.count {
                let part = Array(whole[used..<min(used + size, whole.count)])
                used += part.count
                if parser.append(part) { break }
            }
            #expect(parser.hierarchies.count == 3 && parser.unified != nil)
            if case .v1(let hierarchies, let unified) = expected {
                #expect(parser.hierarchies == hierarchies && parser.unified == unified)
            }
            if size < last { #expect(used < whole.count) }
        }
    }

    @Test func `cgroup2 under another mount does not count`() {
        let mounts = """
            30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate
            31 30 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw
            32 31 0:26 / /sys/fs/cgroup/unified rw - cgroup2 none rw
            33 31 0:32 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer

            """
        #expect(
            CgroupLayout.parse(
                mountinfo: Array(mounts.utf8), cgroup: Array("1:freezer:/\n0::/\n".utf8), hidden: "/sys/fs/cgroup")
                == .v1(
                    [Hierarchy(label: "freezer", mountPoint: "/sys/fs/cgroup/freezer", ownPath: "")],
                    unified: Hierarchy(label: "", mountPoint: "/sys/fs/cgroup/unified", ownPath: "")))
    }

    @Test func `mounts that nobody can reach are none`() {
        let mounts = """
            31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw
            32 31 0:33 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
            33 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 none rw
            40 31 0:60 / /sys/fs/cgroup rw - tmpfs none rw
            41 40 0:33 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids

            """
        var parser = LayoutParser(cgroup: Array("8:pids:/\n0::/\n".utf8)) { $0.id > 40 }
        if !parser.append(Array(mounts.utf8)) { parser.finish() }
        #expect(parser.mounts == [LayoutParser.Mount(id: 41, parent: 40, mountPoint: "/sys/fs/cgroup/pids")])
        #expect(parser.unified == nil)
    }

    @Test(arguments: [("/c/pids", true), ("/c/pids/inner", false), ("/c/pids2", false)])
    func `what is mounted right over a hierarchy is seen`(place: String, isOver: Bool) {
        let mounts = "32 31 0:33 / /c/pids rw - cgroup cgroup rw,pids\n40 32 0:60 / \(place) rw - tmpfs none rw\n"
        for size in [1, 1000] {
            var parser = LayoutParser(cgroup: Array("8:pids:/\n0::/\n".utf8))
            for start in stride(from: 0, to: mounts.utf8.count, by: size) {
                _ = parser.append(Array(mounts.utf8.dropFirst(start).prefix(size)))
            }
            #expect(parser.mounts.map { $0.isOverlaid } == [isOver])
        }
    }

    @Test func `without a cgroup file system there is none`() {
        #expect(parse("22 1 0:21 / /proc rw - proc proc rw\n", "0::/\n") == .none)
        #expect(parse("", "") == .none)
        #expect(parse(hybridMounts, "") == .none)
    }

    @Test func `a hierarchy without a mount is left out`() {
        #expect(
            parse("35 31 0:32 / /c/pids rw - cgroup cgroup rw,pids\n", "9:memory:/\n8:pids:/a\n0::/a\n")
                == .v1([Hierarchy(label: "pids", mountPoint: "/c/pids", ownPath: "/a")], unified: nil))
    }

    @Test func `of a hierarchy that is mounted twice the first mount that shows our cgroup counts`() {
        let mounts = """
            40 31 0:32 /other /c/wrong rw - cgroup cgroup rw,pids
            41 31 0:32 /docker/8d /c/right rw - cgroup cgroup rw,pids
            42 31 0:32 / /c/late rw - cgroup cgroup rw,pids

            """
        #expect(
            parse(mounts, "8:pids:/docker/8d/inner\n")
                == .v1([Hierarchy(label: "pids", mountPoint: "/c/right", ownPath: "/inner")], unified: nil))
    }

    @Test func `a mount that shows no cgroup of ours is better than none`() {
        #expect(
            parse("40 31 0:32 /other /c/pids rw - cgroup cgroup rw,pids\n", "8:pids:/docker/8d\n")
                == .v1([Hierarchy(label: "pids", mountPoint: "/c/pids", ownPath: "")], unified: nil))
    }

    @Test func `a controller is told from one that begins like it`() {
        let mounts = """
            40 31 0:32 / /c/cpuacct rw - cgroup cgroup rw,cpuacct
            41 31 0:33 / /c/cpuset rw - cgroup cgroup rw,cpuset,clone_children
            42 31 0:34 / /c/cpu rw - cgroup cgroup rw,xattr,cpu

            """
        let expected = ["cpu", "cpuset", "cpuacct"].map { Hierarchy(label: $0, mountPoint: "/c/\($0)", ownPath: "") }
        #expect(parse(mounts, "3:cpu:/\n2:cpuset:/\n1:cpuacct:/\n") == .v1(expected, unified: nil))
    }

    @Test func `blanks in a mount point are escaped`() {
        #expect(
            parse(#"40 31 0:32 / /a\040b\134c rw - cgroup2 none rw"#, "0::/\n")
                == .v2(Hierarchy(label: "", mountPoint: #"/a b\c"#, ownPath: "")))
    }

    @Test(arguments: [
        ("/", "/", ""), ("/", "/a/b", "/a/b"), ("/docker/x", "/docker/x", ""), ("/docker/x", "/docker/x/y", "/y"),
        ("/docker/x", "/docker/xy", nil), ("/docker/x", "/", nil), ("/", "/../x", nil),
    ])
    func `a mount shows what is below its root`(root: String, path: String, expected: String?) {
        #expect(LayoutParser.below(root, path) == expected)
    }

    @Test func `damaged input is survived`() {
        let whole = Array(hybridMounts.utf8)
        for length in stride(from: 0, to: whole.count, by: 3) {
            _ = CgroupLayout.parse(
                mountinfo: Array(whole.prefix(length)), cgroup: Array(hybridOwn.utf8.prefix(length / 4)))
        }
        for text in [" - cgroup", "x - cgroup", "x - cgroup2", " - cgroup cgroup rw,pids", "\n - cgroup\n:\n::\n"] {
            _ = parse(text, text)
            _ = parse(text, "8:pids:/\n0::/\n")
        }
    }

    private func parse(_ mounts: String, _ own: String) -> CgroupLayout {
        .parse(mountinfo: Array(mounts.utf8), cgroup: Array(own.utf8))
    }
}

private let hybridOwn = """
    12:name=systemd:/user.slice/x
    4:memory:/user.slice
    3:cpu,cpuacct:/
    0::/user.slice/x

    """

private let hybridMounts = """
    22 27 0:21 / /proc rw,relatime - proc proc rw
    31 23 0:28 / /sys/fs/cgroup ro,nosuid,nodev,noexec shared:9 - tmpfs tmpfs ro,mode=755
    32 31 0:29 / /sys/fs/cgroup/unified rw,nosuid shared:10 - cgroup2 cgroup2 rw,nsdelegate
    33 31 0:30 / /sys/fs/cgroup/systemd rw,nosuid shared:11 - cgroup cgroup rw,xattr,name=systemd
    34 31 0:31 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:12 - cgroup cgroup rw,cpu,cpuacct
    35 31 0:32 / /sys/fs/cgroup/memory rw,nosuid shared:13 - cgroup cgroup rw,memory
    36 1 254:0 / /data-cgroup rw - ext4 /dev/a-cgroup rw

    """
