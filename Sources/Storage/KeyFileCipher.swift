// SPDX-License-Identifier: Apache-2.0
import Crypto
import Glibc
package import MartletCore

/// AES-256-GCM under a key that lies in the data directory. Losing the key file loses what was sealed.
///
/// Sealed bytes: version (1), id of the key (4 bytes), nonce (12), ciphertext, tag (16).
package struct KeyFileCipher: Cipher {
    private static let version: UInt8 = 1
    private static let headerBytes = 5
    private static let keyBytes = 32

    private let key: SymmetricKey
    private let keyID: [UInt8]

    /// Reads the key at `path`. Makes one, which only this user can read, when there is none. Throws `storage.sealed`
    /// when the file is no key, or others may read it.
    package init(path: String, ids: some IDSource = SystemIDSource()) throws {
        let file = KeyFile(path: path)
        self.init(key: try file.read(count: Self.keyBytes) ?? file.make(ids.bytes(Self.keyBytes)))
    }

    /// A key that ends with the process.
    package static func ephemeral(ids: some IDSource = SystemIDSource()) -> KeyFileCipher {
        KeyFileCipher(key: ids.bytes(keyBytes))
    }

    private init(key bytes: [UInt8]) {
        key = SymmetricKey(data: bytes)
        keyID = Array(SHA256.hash(data: bytes).prefix(4))
    }

    package func seal(_ plaintext: [UInt8], context: String) throws -> [UInt8] {
        let header = [Self.version] + keyID
        let box = try AES.GCM.seal(plaintext, using: key, authenticating: header + Array(context.utf8))
        return header + Array(box.nonce) + Array(box.ciphertext) + Array(box.tag)
    }

    /// Throws `storage.sealed` when the bytes are not what `seal` gave for this context.
    package func open(_ sealed: [UInt8], context: String) throws -> [UInt8] {
        let header = Array(sealed.prefix(Self.headerBytes))
        guard header.count == Self.headerBytes, header[0] == Self.version else {
            throw MartletError(.storageSealed, "sealed bytes of an unknown version")
        }
        guard Array(header.dropFirst()) == keyID else {
            throw MartletError(.storageSealed, "sealed with another key than this data directory holds")
        }
        do {
            let box = try AES.GCM.SealedBox(combined: sealed.dropFirst(Self.headerBytes))
            return try Array(AES.GCM.open(box, using: key, authenticating: header + Array(context.utf8)))
        } catch {
            throw MartletError(.storageSealed, "sealed bytes do not open: altered, or of another context", cause: error)
        }
    }
}

/// A key as one line of text: a word that says what it is, then hexadecimal digits.
private struct KeyFile {
    private static let label = "martlet-key-1"
    let path: String

    /// Nil when there is no file.
    func read(count: Int) throws -> [UInt8]? {
        guard let information = Directories.information(path) else { return nil }
        guard information.st_mode & 0o077 == 0 else {
            throw MartletError(.storageSealed, "the key file \(path) can be read by others; run: chmod 600 \(path)")
        }
        let text = String(decoding: try RawFile(path, O_RDONLY).readAll(), as: UTF8.self)
        let words = text.split(whereSeparator: \.isWhitespace)
        guard words.count == 2, words[0] == Self.label, let key = Hex.decode(words[1]), key.count == count else {
            throw MartletError(.storageSealed, "\(path) is not a key file of Martlet's")
        }
        return key
    }

    /// Under a temporary name first: half a key must never be taken for one.
    func make(_ key: [UInt8]) throws -> [UInt8] {
        let temporary = "\(path).new"
        unlink(temporary)
        let file = try RawFile(temporary, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        try file.write(Array("\(Self.label) \(Hex.encode(key))\n".utf8))
        try file.sync()
        guard rename(temporary, path) == 0 else { throw RawFile.failure("rename", temporary) }
        try Directories.sync(Directories.parent(of: path))
        return key
    }
}
