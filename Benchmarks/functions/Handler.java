// SPDX-License-Identifier: Apache-2.0
import java.util.Map;

public class Handler {
    public Map<String, Object> handle(Map<String, Object> event) {
        return event;
    }
}
