// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import OCI

@Suite("Image references") struct ImageReferenceTests {
    private static let digest = "sha256:" + String(repeating: "0a", count: 32)

    @Test(
        "are printed as they were written",
        arguments: [
            "localhost:5000/app", "registry.example.com/team/app:1.2", "127.0.0.1:80/a@\(digest)",
            "r.example.com/a/b/c:x@\(digest)", "oci:/srv/images/app", "oci:/srv/images/app:v1", "oci:/a@\(digest)",
        ]
    )
    func readable(text: String) throws { #expect(try ImageReference(text).description == text) }

    @Test(
        "that are malformed or name no registry are refused",
        arguments: [
            "", "app", "app:latest", "library/app", "example.com/", "example.com/App", "example.com/a..b",
            "example.com/-a",
            "example.com:0/a", "example.com:99999/a", "-x.com/a", "example.com/a:", "example.com/a@sha256:00",
            "example.com/a@md5:00", "oci:", "oci:app", "oci:/a/../b", "oci:/a//b", "oci:/a/.", "example.com/a b",
            "example.com/a\u{0}", "http://example.com/a", "example.com/ä",
        ]
    )
    func refused(text: String) { #expect(throws: ImageFault.self) { try ImageReference(text) } }

    @Test("come only from the places that the operator allows") func policy() throws {
        let open = ImagePolicy()
        #expect(try open.isPlain("localhost:5000") && open.isPlain("127.0.0.1:5000"))
        #expect(try !open.isPlain("127.0.0.1.example.com") && !open.isPlain("example.com"))
        let registries = ["example.com", "http://local.test:5000"].compactMap(ImagePolicy.Registry.init)
        let strict = ImagePolicy(registries: registries, directories: ["/srv/images"])
        #expect(try !strict.isPlain("example.com") && strict.isPlain("local.test:5000"))
        #expect(throws: ImageFault.self) { try strict.isPlain("localhost:5000") }
        #expect(try strict.place(ofLayout: "/srv/images/a/b").path == "a/b")
        #expect(throws: ImageFault.self) { try strict.place(ofLayout: "/srv/imagesX/a") }
        #expect(throws: ImageFault.self) { try strict.place(ofLayout: "/etc") }
    }
}
