// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletCore
import Storage
import Testing

@Suite("KeyFileCipher") struct KeyFileCipherTests {
    private let secret = Array("correct horse".utf8)

    @Test("what is sealed opens again, also after a restart, and is different each time")
    func roundTrip() throws {
        let scratch = try Scratch()
        let cipher = try KeyFileCipher(path: "\(scratch.path)/secret.key")
        let sealed = try cipher.seal(secret, context: "a")
        #expect(try cipher.seal(secret, context: "a") != sealed)
        let later = try KeyFileCipher(path: "\(scratch.path)/secret.key")
        #expect(try later.open(sealed, context: "a") == secret)
        #expect(try later.open(cipher.seal([], context: ""), context: "") == [])
    }

    @Test("another context, another key and every altered byte are refused")
    func altered() throws {
        let cipher = KeyFileCipher.ephemeral()
        let sealed = try cipher.seal(secret, context: "a")
        func code(_ cipher: KeyFileCipher, _ bytes: [UInt8], _ context: String = "a") -> String? {
            do {
                _ = try cipher.open(bytes, context: context)
                return nil
            } catch {
                return (error as? MartletError)?.code.name ?? "other"
            }
        }
        #expect(code(cipher, sealed) == nil)
        #expect(code(cipher, sealed, "b") == "storage.sealed")
        #expect(code(.ephemeral(), sealed) == "storage.sealed")
        for index in sealed.indices {
            var other = sealed
            other[index] ^= 1
            #expect(code(cipher, other) == "storage.sealed")
            #expect(code(cipher, Array(sealed.prefix(index))) == "storage.sealed")
        }
    }

    @Test("the key is for this user only, and one that others can read is refused")
    func permissions() throws {
        let scratch = try Scratch()
        let path = "\(scratch.path)/secret.key"
        _ = try KeyFileCipher(path: path)
        var information = stat()
        try #require(stat(path, &information) == 0)
        #expect(information.st_mode & 0o777 == 0o600)
        chmod(path, 0o640)
        let error = #expect(throws: MartletError.self) { _ = try KeyFileCipher(path: path) }
        #expect(error?.message.contains("chmod 600") == true)
    }

    @Test(
        "a file that is no key is refused and left alone",
        arguments: ["", "martlet-key-1 abc", "martlet-key-2 \(String(repeating: "00", count: 32))"]
    )
    func rubbish(text: String) throws {
        let scratch = try Scratch()
        let path = "\(scratch.path)/secret.key"
        try Scratch.write(Array(text.utf8), to: path)
        #expect(throws: MartletError.self) { _ = try KeyFileCipher(path: path) }
        #expect(try Scratch.bytes(path) == Array(text.utf8))
    }
}
