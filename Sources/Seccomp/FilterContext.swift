import CSeccomp
import Kernel

/// How a program finds the rule for a call (SCMP_FLTATR_CTL_OPTIMIZE, seccomp_attr_set(3)).
enum FilterShape: UInt32 {
    /// One comparison after the other.
    case list = 1
    /// A binary tree over the numbers. It is for loading more than for the calls: the kernel then runs the program for
    /// every number, to find those that it may always allow (Linux 5.11). 360 calls on three architectures load in
    /// 0.25 ms as a tree and in 1 ms as a list.
    case tree = 2
}

/// A filter for one architecture in the making.
///
/// One for each: libseccomp's time grows with the square of what is in a filter.
@safe
struct FilterContext: ~Copyable {
    private let handle: scmp_filter_ctx
    private let path: String

    private init(_ handle: scmp_filter_ctx, _ path: String) {
        unsafe self.handle = unsafe handle
        self.path = path
    }

    static func make(
        defaultAction: UInt32, _ architecture: Architecture, _ shape: FilterShape
    ) throws(SeccompError) -> FilterContext {
        trustKernel
        guard let handle = unsafe seccomp_init(defaultAction) else {
            throw SeccompError("linux.seccomp.defaultAction", .library("seccomp_init", .noMemory))
        }
        let context = unsafe FilterContext(handle, architecture.path)
        try context.restrict(to: architecture.token)
        try context.check(
            unsafe seccomp_attr_set(handle, SCMP_FLTATR_CTL_OPTIMIZE, shape.rawValue), "seccomp_attr_set")
        return context
    }

    /// A new context has the machine's own architecture.
    private borrowing func restrict(to architecture: UInt32) throws(SeccompError) {
        let native = seccomp_arch_native()
        if architecture == native { return }
        try check(unsafe seccomp_arch_add(handle, architecture), "seccomp_arch_add")
        try check(unsafe seccomp_arch_remove(handle, native), "seccomp_arch_remove")
    }

    deinit { unsafe seccomp_release(handle) }

    borrowing func add(_ rule: LibraryRule) throws(SeccompError) {
        let result = unsafe rule.conditions.withUnsafeBufferPointer { conditions in
            unsafe seccomp_rule_add_array(
                handle, rule.action, rule.number, UInt32(conditions.count), conditions.baseAddress)
        }
        if result == -Errno.exists.rawValue { throw SeccompError(rule.path, .contradiction(rule.name)) }
        guard result >= 0 else {
            throw SeccompError(rule.path, .library("seccomp_rule_add", Errno(rawValue: -result)))
        }
    }

    /// The program that libseccomp makes of the rules. It can only write it to a descriptor.
    borrowing func program() throws(SeccompError) -> [UInt8] {
        let file: Descriptor
        do { file = try .memoryFile("seccomp") } catch { throw SeccompError(path, .system(error)) }
        try check(unsafe seccomp_export_bpf(handle, file.number), "seccomp_export_bpf")
        do {
            let size = Int(try file.status().size)
            return try MappedFile(file, size: size).bytes(at: 0, count: size)
        } catch {
            throw SeccompError(path, .system(error))
        }
    }

    private borrowing func check(_ result: Int32, _ call: StaticString) throws(SeccompError) {
        if result < 0 { throw SeccompError(path, .library(call, Errno(rawValue: -result))) }
    }

    /// Tells libseccomp once, with its highest level (seccomp_api_set(3)), what every kernel that apus runs on can do:
    /// left alone it asks the kernel with a dozen calls.
    static let trustKernel: Void = { _ = seccomp_api_set(6) }()
}
