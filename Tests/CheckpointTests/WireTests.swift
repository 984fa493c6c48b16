import Testing

@testable import Checkpoint

/// The encoding of protocol buffers (protobuf.dev, "Encoding"), with the bytes of its documentation where it has some.
@Suite struct WireTests {
    @Test(
        arguments: [
            (1, 150, [0x08, 0x96, 0x01]), (1, 0, [0x08, 0x00]), (16, 1, [0x80, 0x01, 0x01]),
            // -1 as an int32 has ten bytes.
            (2, .max, [0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
        ] as [(UInt32, UInt64, [UInt8])])
    func `numbers are written in groups of seven bits`(field: UInt32, value: UInt64, bytes: [UInt8]) throws {
        var writer = WireWriter()
        writer.number(field, value)
        #expect(writer.bytes == bytes)
        var reader = WireReader(bytes)
        let read = try #require(try reader.next())
        #expect(read.field == field)
        #expect(read.value == .number(value))
        #expect(try reader.next() == nil)
    }

    @Test func `texts and messages have a length`() throws {
        var inner = WireWriter()
        inner.number(1, 150)
        var writer = WireWriter()
        writer.text(2, "testing")
        writer.message(3, inner)
        #expect(writer.bytes == [0x12, 0x07] + Array("testing".utf8) + [0x1a, 0x03, 0x08, 0x96, 0x01])
        var reader = WireReader(writer.bytes)
        #expect(try reader.next()?.value.text == "testing")
        #expect(try reader.next()?.value.content == inner.bytes)
    }

    @Test func `fields that nobody knows are passed over`() throws {
        // Field 7 with eight bytes, field 6 with four, field 1.
        var reader = WireReader([0x39, 1, 2, 3, 4, 5, 6, 7, 8, 0x35, 1, 2, 3, 4, 0x08, 0x05])
        #expect(try reader.next()?.value == .fixed)
        #expect(try reader.next()?.value == .fixed)
        #expect(try reader.next()?.value == .number(5))
    }

    @Test(
        arguments: [
            ([0x08], .truncated), ([0x08, 0x80], .truncated), ([0x12, 0x02, 0x41], .truncated),
            ([0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], .truncated),
            ([0x39, 1, 2], .truncated), ([0x35, 1], .truncated), ([0x00, 0x01], .invalidField),
            ([0x0b], .invalidField), ([0x0c], .invalidField), ([0x0e], .invalidField), ([0x0f], .invalidField),
            ([0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], .overlong),
            ([0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], .overlong),
        ] as [([UInt8], WireError)])
    func `what is no message is refused`(bytes: [UInt8], error: WireError) {
        #expect(throws: error) {
            var reader = WireReader(bytes)
            while try reader.next() != nil {}
        }
    }

    @Test func `no bytes make the reader leave the message`() {
        // Every cut and many changes of a real answer: it either is a message or an error.
        let answer: [UInt8] = [
            0x08, 0x06, 0x10, 0x01, 0x2a, 0x10, 0x0a, 0x0c, 0x70, 0x6f, 0x73, 0x74, 0x2d, 0x72, 0x65, 0x73, 0x74, 0x6f,
            0x72, 0x65, 0x10, 0x07,
        ]
        var generator = SystemRandomNumberGenerator()
        for cut in 0...answer.count { _ = try? CriuResponse(decoding: Array(answer[..<cut])) }
        for _ in 0..<20_000 {
            var bytes = answer
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: bytes.indices, using: &generator)] = .random(in: .min ... .max, using: &generator)
            }
            _ = try? CriuResponse(decoding: bytes)
        }
    }
}

/// Messages as CRIU writes and reads them (images/rpc.proto).
@Suite struct MessageTests {
    @Test func `a notification`() throws {
        // type NOTIFY, success, notify { script "post-restore", pid 1234 }
        let response = try CriuResponse(
            decoding: [0x08, 0x06, 0x10, 0x01, 0x2a, 0x11, 0x0a, 0x0c] + Array("post-restore".utf8) + [
                0x10, 0xd2, 0x09,
            ])
        #expect(response.isNotification)
        #expect(response.isSuccess)
        #expect(response.event == .postRestore)
        #expect(response.pid == 1234)
    }

    @Test func `a notification of a newer CRIU is one that asks for nothing`() throws {
        let response = try CriuResponse(decoding: [0x08, 0x06, 0x10, 0x01, 0x2a, 0x05, 0x0a, 0x03] + Array("new".utf8))
        #expect(response.isNotification)
        #expect(response.event == nil)
    }

    @Test func `a restored process, a version, features and an error`() throws {
        #expect(try CriuResponse(decoding: [0x08, 0x02, 0x10, 0x01, 0x22, 0x02, 0x08, 0x2a]).pid == 42)
        let version = try CriuResponse(decoding: [0x08, 0x0a, 0x10, 0x01, 0x52, 0x06, 0x08, 4, 0x10, 2, 0x20, 1])
        #expect(version.version == CriuVersion(4, 2, 1))
        #expect(version.version?.text == "4.2.1")
        let features = try CriuResponse(decoding: [0x08, 0x09, 0x10, 0x01, 0x42, 0x04, 0x08, 0, 0x10, 1])
        #expect(features.features == CriuFeatures(tracksMemory: false, lazyPages: true))
        let error = try CriuResponse(decoding: [0x08, 0x01, 0x10, 0x00, 0x38, 0x11, 0x4a, 0x02] + Array("no".utf8))
        #expect(!error.isSuccess)
        #expect(error.message == "no")
    }

    @Test func `versions compare by their parts`() {
        #expect(CriuVersion(3, 9) < CriuVersion(3, 11))
        #expect(CriuVersion(3, 17, 1) < CriuVersion(4, 0))
        #expect(!(CriuVersion(4, 2) < CriuVersion(4, 2)))
    }

    @Test func `requests`() {
        #expect(CriuRequest.version.bytes == [0x08, 0x0a, 0x20, 0x01])
        #expect(CriuRequest.done(true).bytes == [0x08, 0x06, 0x18, 0x01])
        #expect(CriuRequest.done(false).bytes == [0x08, 0x06, 0x18, 0x00])
        #expect(
            CriuRequest.features(CriuFeatures(tracksMemory: true)).bytes
                == [0x08, 0x09, 0x20, 0x01, 0x2a, 0x02, 0x08, 0x01])
        var options = CriuOptions()
        options.set(.imagesDirectory, number: 3)
        options.set(.leaveRunning)
        options.set(.shellJob, false)
        options.inherit(5, as: "pipe:[7]")
        options.add(.cgroupRoot, "", "/a")
        options.setPageServer("::1", port: 27)
        #expect(
            CriuRequest.work(.dump, options).bytes
                == [0x08, 0x01, 0x12, 0x25, 0x08, 0x03, 0x18, 0x01, 0xda, 0x01, 0x0c, 0x0a, 0x08]
                + Array("pipe:[7]".utf8) + [0x10, 0x05, 0xca, 0x01, 0x06, 0x0a, 0x00, 0x12, 0x02] + Array("/a".utf8)
                + [0x5a, 0x07, 0x0a, 0x03] + Array("::1".utf8) + [0x10, 0x1b])
    }
}
