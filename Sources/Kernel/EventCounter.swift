internal import CKernel

extension Descriptor {
    /// A counter that becomes readable when somebody adds to it (eventfd(2)); reading takes 8 bytes and sets it back,
    /// and answers EAGAIN if it is 0.
    public static func eventCounter() throws(SystemError) -> Descriptor {
        Descriptor(owning: try check(ck_eventfd(), "eventfd"))
    }
}
