import Testing

@testable import Checkpoint

/// The images of memory maps.
@Suite struct PageMapTests {
    /// PAGEMAP_MAGIC behind IMG_COMMON_MAGIC; a head with `pages_id`; three pages in the file, two in the parent's, and 300
    /// by the field that counts further than the other.
    @Test func `pages in the file are counted`() {
        let head: [UInt8] = [0x19, 0x43, 0x56, 0x54, 0x25, 0x40, 0x08, 0x56, 2, 0, 0, 0, 0x08, 7]
        let present: [UInt8] = [7, 0, 0, 0, 0x08, 0x80, 0x20, 0x10, 3, 0x20, 4]
        let parents: [UInt8] = [7, 0, 0, 0, 0x08, 0x80, 0x40, 0x10, 2, 0x20, 1]
        let many: [UInt8] = [10, 0, 0, 0, 0x08, 0x80, 0x60, 0x10, 44, 0x20, 4, 0x28, 0xac, 2]
        let map = PageMap(head + present + parents + many)
        #expect(map?.file == 7)
        #expect(map?.pages == 303)
        for length in [9, 12, head.count + 1, head.count + present.count - 1] {
            #expect(PageMap(Array((head + present).prefix(length))) == nil)
        }
        #expect(PageMap([]) == nil)
    }
}
