internal import CKernel

/// A file that is mapped into memory and shared with other processes.
@safe
public struct MappedFile: ~Copyable {
    private let address: UnsafeMutableRawPointer
    public let size: Int

    /// Maps the first `size` bytes of a borrowed descriptor.
    public init(_ descriptor: borrowing Descriptor, size: Int, writable: Bool = false) throws(SystemError) {
        var address: UnsafeMutableRawPointer?
        _ = try check(unsafe ck_map_shared(descriptor.number, size, writable, &address), "mmap")
        guard let address = unsafe address else { throw SystemError("mmap", "", .noMemory) }
        unsafe self.address = unsafe address
        self.size = size
    }

    deinit { unsafe ck_unmap(address, size) }

    /// A copy of `count` bytes from `offset` on, as they are at this moment; cut at the end of the mapping.
    public borrowing func bytes(at offset: Int, count: Int) -> [UInt8] {
        guard offset >= 0, count >= 0, offset <= size else { return [] }
        // Bounds are checked above, and the mapping lives as long as self.
        return unsafe [UInt8](UnsafeRawBufferPointer(start: address + offset, count: min(count, size - offset)))
    }
}
