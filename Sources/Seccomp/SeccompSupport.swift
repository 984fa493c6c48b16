import CSeccomp
public import OCI

/// What the linked libseccomp and this kernel can do, for `features` and `--version`.
public enum SeccompSupport {
    /// The version of libseccomp, such as `2.5.4`.
    public static var libraryVersion: String {
        unsafe String(cString: cs_library_version())
    }

    /// The architectures that a filter can serve beside this machine's: those that the library knows, of the same byte order.
    public static var architectures: [SeccompArchitecture] {
        SeccompArchitecture.allCases.filter { Architecture.isSupported($0) }
    }

    /// The flags that work here. It is the kernel alone that decides: apus loads filters itself.
    public static var flags: [SeccompFlag] {
        SeccompFlag.allCases.filter { flag in
            switch flag {
            case .tsync, .log, .specAllow: cs_kernel_knows_flags(flag.rawValue)
            // It is refused without a listener.
            case .waitKillableRecv: cs_kernel_knows_flags(flag.rawValue | SeccompFilter.newListener)
            }
        }
    }
}
