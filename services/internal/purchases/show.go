package purchases

import "evergreen/services/internal/redisdb"

// Show gives the JSON of a purchase, as an answer has it, from the fields of its hash. It asks no database.
func Show(id string, fields map[string]string) ([]byte, error) {
	fixed, state, err := fromFields(id, redisdb.Fields(fields))
	if err != nil {
		return nil, err
	}
	return render(fixed, state)
}
