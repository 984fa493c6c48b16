import Glibc

/// Functions of glibc that Swift's module does not show (they need `_GNU_SOURCE`, or are variadic). Looked up by
/// name, so that the harness needs no C target of its own.
enum HiddenGlibc {
    typealias Actions = UnsafeMutablePointer<posix_spawn_file_actions_t>

    /// POSIX_SPAWN_SETSID of <spawn.h>.
    static let spawnInNewSession: Int32 = 0x80

    static func addWorkingDirectory(_ actions: Actions, _ path: String) throws(HarnessError) {
        typealias Function = @convention(c) (Actions, UnsafePointer<CChar>) -> CInt
        _ = try function("posix_spawn_file_actions_addchdir_np", as: Function.self)(actions, path)
    }

    static func addCloseFrom(_ actions: Actions, _ first: Int32) throws(HarnessError) {
        typealias Function = @convention(c) (Actions, CInt) -> CInt
        _ = try function("posix_spawn_file_actions_addclosefrom_np", as: Function.self)(actions, first)
    }

    /// prctl(2) for options whose arguments are plain words.
    static func prctl(_ option: CInt, _ argument: CUnsignedLong) throws(HarnessError) {
        typealias Function = @convention(c) (CInt, CUnsignedLong, CUnsignedLong, CUnsignedLong, CUnsignedLong) -> CInt
        let result = try function("prctl", as: Function.self)(option, argument, 0, 0, 0)
        guard result >= 0 else { throw HarnessError.lastCall("prctl \(option)") }
    }

    private static func function<Function>(_ name: String, as type: Function.Type) throws(HarnessError) -> Function {
        guard let symbol = dlsym(nil, name) else { throw HarnessError("this C library has no \(name)") }
        return unsafeBitCast(symbol, to: type)
    }
}
