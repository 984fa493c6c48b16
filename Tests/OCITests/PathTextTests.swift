import OCI
import Testing

/// The kernel sees bytes. To Swift a slash and the combining mark behind it are one character.
@Suite struct PathTextTests {
    static let mark = "\u{301}"

    @Test(arguments: [
        ("/", "/"), ("//", "/"), ("/.", "/"), ("/..", "/"), ("/a/", "/a"), ("/a/../..", "/"), ("a/..", ""), ("", ""),
        ("./a//b", "a/b"), ("/a/.b/..c", "/a/.b/..c"), ("/a/\(mark)/..", "/a"), ("/a/../\(mark)/../proc", "/proc"),
        ("/a/..\(mark)/b", "/a/..\(mark)/b"), ("/\(mark)//b", "/\(mark)/b"), ("\(mark)/./", "\(mark)"),
    ])
    func cleaning(path: String, clean: String) {
        #expect(Array(lexicallyClean(path).utf8) == Array(clean.utf8))
    }

    @Test func slashesBeforeMarksAreSlashes() {
        #expect("/\(Self.mark)".isAbsolute)
        #expect("a/\(Self.mark)".hasSlash)
        #expect("/proc/\(Self.mark)x".begins(with: "/proc/"))
        #expect(!"/pro".begins(with: "/proc"))
        #expect("a\r\nb\n\nc".components(between: "\n") == ["a\r", "b", "c"])
    }

    @Test(arguments: ["/proc/../\(mark)/../proc", "/\(mark)/../proc/\(mark)x", "/a/../\(mark)/../proc/keys"])
    func marksHideNoMountOnProc(destination: String) throws {
        let mount: [String: Any] = ["destination": destination, "type": "tmpfs", "source": "tmpfs"]
        #expect(failure(of: try document { $0["mounts"] = [mount] })?.contains("/proc") == true)
    }

    @Test func marksHideNoWayOutOfTheCgroup() throws {
        let text = failure(of: try document { $0["linux"] = ["cgroupsPath": "/a/../\(Self.mark)"] })
        #expect(text?.hasPrefix("linux.cgroupsPath: must not contain") == true)
    }

    /// As many ranges as the kernel takes, also in the text of an option.
    @Test(arguments: [(340, true), (341, false)])
    func rangesOfAnOptionAreBounded(count: Int, isGood: Bool) throws {
        let uids = (0..<count).map { "\($0)-\($0)-1" }.joined(separator: "#")
        let mount: [String: Any] = [
            "destination": "/a", "source": "/b", "options": ["bind", "idmap=uids=\(uids);gids=0-0-1"],
        ]
        let text = failure(of: try document { $0["mounts"] = [mount] })
        #expect(text == (isGood ? nil : "mounts[0].options[1]: more than 340 ranges: 341"))
    }

    /// 4095 bytes with the slash that a relative path gets: PATH_MAX counts the zero at the end.
    @Test(arguments: [(4094, true), (4095, false)])
    func relativeDestinationsHaveRoomForTheSlash(length: Int, isGood: Bool) throws {
        let mount: [String: Any] = [
            "destination": String(repeating: "a", count: length), "type": "tmpfs", "source": "tmpfs",
        ]
        #expect((failure(of: try document { $0["mounts"] = [mount] }) == nil) == isGood)
    }
}
