// SPDX-License-Identifier: Apache-2.0
import Crypto
import HTTPTypes
import MartletCore

/// A request in the one form that both sides hash: method, path, query, headers and the body's hash, a line each.
package struct CanonicalRequest: Sendable, Equatable {
    /// How the path becomes canonical.
    package enum PathRule: Sendable {
        /// Dot segments and doubled slashes removed, then what is on the wire encoded once more: every service but S3.
        case normalized
        /// Encoded once, dots and slashes left alone: S3, whose keys may hold both.
        case verbatim

        package init(service: String) {
            self = service == "s3" || service == "s3-object-lambda" || service == "s3express" ? .verbatim : .normalized
        }
    }

    package let text: String

    /// `signedHeaders` in lower case and in the order in which the signature names them.
    package init(_ request: SignableRequest, signedHeaders: [String], payloadHash: String, path rule: PathRule) {
        var lines = [request.method, Self.path(request.path, rule), Self.query(request.query)]
        for name in signedHeaders { lines.append("\(name):\(Self.value(of: name, in: request))") }
        lines += ["", signedHeaders.joined(separator: ";"), payloadHash]
        text = lines.joined(separator: "\n")
    }

    /// What is signed in the end.
    package func stringToSign(date: String, scope: SigningScope) -> String {
        "\(SigV4.algorithm)\n\(date)\n\(scope.text)\n\(SigV4.sha256(text.utf8))"
    }

    static func path(_ path: String, _ rule: PathRule) -> String {
        switch rule {
        case .verbatim:
            let decoded = URIEncoding.decode(path.utf8)
            let encoded = URIEncoding.encode(decoded, keepingSlashes: true)
            return encoded.isEmpty ? "/" : String(decoding: encoded, as: UTF8.self)
        case .normalized:
            return URIEncoding.encode(removingDotSegments(path), keepingSlashes: true)
        }
    }

    private static func removingDotSegments(_ path: String) -> String {
        var kept: [Substring] = []
        for segment in path.split(separator: "/") where segment != "." {
            if segment == ".." { _ = kept.popLast() } else { kept.append(segment) }
        }
        let tail = path.hasSuffix("/") && !kept.isEmpty ? "/" : ""
        return "/" + kept.joined(separator: "/") + tail
    }

    /// Sorted by encoded name, then by encoded value. The signature itself is not part of what it signs.
    static func query(_ query: String) -> String {
        guard !query.isEmpty else { return "" }
        return QueryParameters(query).pairs
            .filter { !$0.name.elementsEqual(SigV4.QueryName.signature.utf8) }
            .map { (URIEncoding.encode($0.name), URIEncoding.encode($0.value)) }
            .sorted { $0.0 == $1.0 ? $0.1.lexicographicallyPrecedes($1.1) : $0.0.lexicographicallyPrecedes($1.0) }
            .map { String(decoding: $0.0 + [0x3d] + $0.1, as: UTF8.self) }
            .joined(separator: "&")
    }

    private static func value(of name: String, in request: SignableRequest) -> String {
        if name == "host" || name == ":authority" { return request.authority }
        guard let field = HTTPField.Name(name) else { return "" }
        return request.headers[values: field].map(collapsingSpaces).joined(separator: ",")
    }

    /// Trimmed, and each run of blanks made one.
    private static func collapsingSpaces(_ value: String) -> String {
        value.split { $0 == " " || $0 == "\t" }.joined(separator: " ")
    }
}
