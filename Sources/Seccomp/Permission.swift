internal import CSeccomp

extension FilterMachine {
    /// Whether the filter lets a call of this machine's own architecture through.
    ///
    /// - Parameters:
    ///   - name: of the call, as libseccomp knows it.
    ///   - arguments: the call's arguments, as far as they are known.
    public func permits(_ name: StaticString, _ arguments: [UInt64]) -> Bool {
        let number = unsafe seccomp_syscall_resolve_name(name.description)
        guard number >= 0 else { return false }
        let call = FilterCall(
            number: UInt32(number), arguments: arguments, architecture: Self.nativeToken)
        // A program that goes astray permits nothing.
        guard let answer = try? run(call) else { return false }
        switch answer.value & 0xffff_0000 {
        case 0x7fff_0000, 0x7ffc_0000: return true  // SECCOMP_RET_ALLOW, SECCOMP_RET_LOG
        default: return false
        }
    }

    /// AUDIT_ARCH_* of this machine.
    private static var nativeToken: UInt32 { seccomp_arch_native() }
}
