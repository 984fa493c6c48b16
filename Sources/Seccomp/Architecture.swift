import CSeccomp
import Kernel
import OCI
import Spelling

/// An architecture as libseccomp numbers it.
struct Architecture: Equatable {
    /// `SCMP_ARCH_*`.
    let token: UInt32
    /// The place in `config.json`; the machine's own architecture is the profile's as a whole.
    let path: String

    /// The machine's own architecture first, then those of the profile, each once.
    static func all(of profile: SeccompProfile) throws(SeccompError) -> [Architecture] {
        var result = [Architecture(token: seccomp_arch_native(), path: "linux.seccomp")]
        for (index, architecture) in profile.architectures.enumerated() {
            let path = "linux.seccomp.architectures[\(index)]"
            let token = Self.token(of: architecture)
            guard token != 0 else { throw SeccompError(path, .unknownArchitecture(architecture)) }
            guard hasOwnByteOrder(token) else { throw SeccompError(path, .otherByteOrder(architecture)) }
            if !result.contains(where: { $0.token == token }) { result.append(Architecture(token: token, path: path)) }
        }
        return result
    }

    /// SCMP_ARCH_X86_64 is x86_64 to seccomp_arch_resolve_name(3); 0: unknown.
    private static func token(of architecture: SeccompArchitecture) -> UInt32 {
        let name = architecture.rawValue.dropFirst("SCMP_ARCH_".utf8.count).asciiLowercased
        return unsafe seccomp_arch_resolve_name(name)
    }

    private static func hasOwnByteOrder(_ token: UInt32) -> Bool {
        token.isLittleEndianArchitecture == seccomp_arch_native().isLittleEndianArchitecture
    }

    /// Whether a filter of this build can serve an architecture.
    static func isSupported(_ architecture: SeccompArchitecture) -> Bool {
        let token = token(of: architecture)
        return token != 0 && hasOwnByteOrder(token)
    }

    /// The number of a call; negative if the architecture has no such call of its own.
    func number(of name: String) -> Int32 { unsafe seccomp_syscall_resolve_name_arch(token, name) }

    /// The highest number among the calls that a profile names, whatever it says about them; nil if it names none.
    func newestCall(in profile: SeccompProfile) -> UInt32? {
        var newest: Int32 = -1
        for rule in profile.syscalls {
            for name in rule.names { newest = max(newest, number(of: name)) }
        }
        return newest < 0 ? nil : UInt32(newest)
    }

    /// The rules, highest call first: libseccomp keeps a sorted list that it walks from its lowest number for each
    /// rule, so that 400 calls on three architectures cost it 56 ms in rising order, and 2 ms in falling order.
    ///
    /// Rules for one call keep their order, since it can decide which of them holds. So do all rules for the calls that
    /// `socketcall` and `ipc` bundle (their own numbers are negative), which can meet in these two.
    func order(_ rules: [LibraryRule]) -> [LibraryRule] {
        let ranks = rules.map { rule in
            rule.name == "socketcall" || rule.name == "ipc" ? -1 : max(number(of: rule.name), -1)
        }
        return rules.indices.sorted { ranks[$0] == ranks[$1] ? $0 < $1 : ranks[$0] > ranks[$1] }.map { rules[$0] }
    }
}

extension Architecture {
    /// What the kernel says in `seccomp_data.arch` (`AUDIT_ARCH_*`); libseccomp's numbers are the same but for x32.
    var kernelToken: UInt32 { isX32 ? Self.x86_64 : token }

    /// x32 shares its number with x86-64: its calls have bit 30 set (`__X32_SYSCALL_BIT`, asm/unistd.h).
    var isX32: Bool { token == Self.x86_64 & ~Self.is64Bit }

    /// Whether x32 calls come under the same number.
    var sharesWithX32: Bool { kernelToken == Self.x86_64 }

    static let x32Bit: UInt32 = 0x4000_0000

    /// AUDIT_ARCH_X86_64 (linux/audit.h): EM_X86_64, 64 bits, little-endian.
    private static let x86_64: UInt32 = 62 | is64Bit | UInt32.littleEndianBit
    /// __AUDIT_ARCH_64BIT.
    private static let is64Bit: UInt32 = 0x8000_0000
}

extension UInt32 {
    /// __AUDIT_ARCH_LE.
    fileprivate static let littleEndianBit: UInt32 = 0x4000_0000

    fileprivate var isLittleEndianArchitecture: Bool { self & Self.littleEndianBit != 0 }
}
